//! Which pages of the program's heap area are in use: a bitmap, and a second one of pages that were used before.
//!
//! Pages are counted from address 0. Invariant: a page that is handed out is either fresh, hence zero since the
//! machine began, or the caller is told to zero it. The caller keeps every range inside the heap area.

/// Pages in the largest guest (`layout::MAX_MEMORY`).
const PAGES: usize = 1 << 19;
const WORD: usize = u64::BITS as usize;

/// A set of pages.
struct Bitmap([u64; PAGES / WORD]);

impl Bitmap {
    fn get(&self, page: usize) -> bool {
        self.0.get(page / WORD).is_some_and(|word| word >> (page % WORD) & 1 == 1)
    }

    fn set(&mut self, page: usize, value: bool) {
        if let Some(word) = self.0.get_mut(page / WORD) {
            let bit = 1 << (page % WORD);
            *word = if value { *word | bit } else { *word & !bit };
        }
    }
}

/// The state of every page.
pub struct Pages {
    used: Bitmap,
    stale: Bitmap,
    /// No page from here on is free; 0, which keeps this type all zeros at first, stands for "not known".
    free_below: usize,
}

impl Pages {
    /// All free and fresh.
    pub const fn new() -> Pages {
        Pages { used: Bitmap([0; PAGES / WORD]), stale: Bitmap([0; PAGES / WORD]), free_below: 0 }
    }

    /// The highest run of `count` free pages in `low..high`.
    pub fn find(&mut self, count: usize, low: usize, high: usize) -> Option<usize> {
        let mut end = if self.free_below == 0 { high } else { high.min(self.free_below) };
        // Pages at the top that are in use stay skipped until one of them is freed.
        while end > low && self.used.get(end - 1) {
            end -= 1;
        }
        self.free_below = end;
        let mut start = end;
        while start > low {
            start -= 1;
            if self.used.get(start) {
                end = start;
            } else if end - start == count {
                return Some(start);
            }
        }
        None
    }

    /// Whether all of `start..end` is free.
    pub fn is_free(&self, start: usize, end: usize) -> bool {
        (start..end).all(|page| !self.used.get(page))
    }

    /// Takes a page. True if it is stale and must be zeroed.
    #[must_use]
    pub fn take(&mut self, page: usize) -> bool {
        self.used.set(page, true);
        self.stale.get(page)
    }

    /// Gives a page back; nothing happens if it is free.
    pub fn give(&mut self, page: usize) {
        if self.used.get(page) {
            self.used.set(page, false);
            self.stale.set(page, true);
            if self.free_below != 0 {
                self.free_below = self.free_below.max(page + 1);
            }
        }
    }

    /// Whether a page is in use.
    pub fn is_used(&self, page: usize) -> bool {
        self.used.get(page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LOW: usize = 100;
    const HIGH: usize = 200;

    #[test]
    fn pages_come_from_the_top_and_a_freed_one_comes_again_stale() {
        let mut pages = Box::new(Pages::new());
        assert_eq!(pages.find(2, LOW, HIGH), Some(198));
        assert!(!pages.take(198) && !pages.take(199), "fresh pages need no zeroing");
        assert_eq!(pages.find(1, LOW, HIGH), Some(197));
        pages.give(199);
        assert_eq!(pages.find(1, LOW, HIGH), Some(199));
        assert!(pages.take(199), "a used page must be zeroed");
        assert_eq!(pages.find(HIGH - LOW, LOW, HIGH), None);
    }

    proptest! {
        /// Against a plain list: a run is found exactly if there is one, it is the highest, and staleness is right.
        #[test]
        fn it_behaves_like_a_list_of_flags(steps in prop::collection::vec((any::<bool>(), 1usize..12, LOW..HIGH), 0..200)) {
            let mut pages = Box::new(Pages::new());
            let (mut used, mut stale) = ([false; HIGH], [false; HIGH]);
            for (allocate, count, page) in steps {
                if allocate {
                    let expected = (LOW..=HIGH - count).rev().find(|&at| used[at..at + count].iter().all(|used| !used));
                    prop_assert_eq!(pages.find(count, LOW, HIGH), expected);
                    for page in expected.into_iter().flat_map(|at| at..at + count) {
                        prop_assert!(pages.is_free(page, page + 1));
                        prop_assert_eq!(pages.take(page), stale[page]);
                        used[page] = true;
                    }
                } else {
                    pages.give(page);
                    stale[page] |= used[page];
                    used[page] = false;
                }
                prop_assert_eq!(pages.is_used(page), used[page]);
            }
        }
    }
}
