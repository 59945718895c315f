//! The in-flight table's memory: values at indices that stay.

/// Values at stable indices; removed places are reused. A token is index plus generation, so that a
/// completion that comes twice is noticed instead of being taken for another read's.
pub(crate) struct Slab<T> {
    places: Vec<(u32, Option<T>)>,
    free: Vec<u32>,
}

impl<T> Slab<T> {
    pub(crate) fn with_capacity(capacity: usize) -> Slab<T> {
        Slab { places: Vec::with_capacity(capacity), free: Vec::with_capacity(capacity) }
    }

    pub(crate) fn insert(&mut self, value: T) -> u32 {
        if let Some(index) = self.free.pop() {
            self.places[index as usize].1 = Some(value);
            return index;
        }
        self.places.push((0, Some(value)));
        u32::try_from(self.places.len() - 1).expect("bounded by the arena")
    }

    pub(crate) fn get(&self, index: u32) -> &T {
        self.places[index as usize]
            .1
            .as_ref()
            .expect("the index is of a value that was not removed")
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.places.iter().filter_map(|(_, value)| value.as_ref())
    }

    pub(crate) fn get_mut(&mut self, index: u32) -> &mut T {
        self.places[index as usize]
            .1
            .as_mut()
            .expect("the index is of a value that was not removed")
    }

    /// The value that `token` was made for, if it is still there.
    pub(crate) fn find_mut(&mut self, token: u64) -> Option<&mut T> {
        let index = u32::try_from(token & 0xFFFF_FFFF).expect("masked");
        if self.token(index) == token { self.places[index as usize].1.as_mut() } else { None }
    }

    pub(crate) fn remove(&mut self, index: u32) -> T {
        let place = &mut self.places[index as usize];
        place.0 = place.0.wrapping_add(1);
        self.free.push(index);
        place.1.take().expect("the index is of a value that was not removed")
    }

    pub(crate) fn token(&self, index: u32) -> u64 {
        // 31 bits of generation: the token never has the value of the cancel request.
        u64::from(self.places[index as usize].0 & 0x7FFF_FFFF) << 32 | u64::from(index)
    }

    pub(crate) fn index(&self, token: u64) -> u32 {
        let index = u32::try_from(token & 0xFFFF_FFFF).expect("masked");
        assert_eq!(self.token(index), token, "a completion for a read that is already complete");
        index
    }
}
