//! ringquet-decode: the room is laid out; its furniture follows.
