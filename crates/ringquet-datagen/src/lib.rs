//! ringquet-datagen: the room is laid out; its furniture follows.
