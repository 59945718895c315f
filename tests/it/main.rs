//! One test binary over all of ringquet, so that the crates are linked once.
//! The modules stand in the order in which bytes flow.
