//! What the kernel puts on the stack of a new process: arguments, environment, auxiliary vector.
//!
//! System V ABI for x86-64, section 3.4.1 (figure 3.9): `argc`, `argv[0..argc]`, 0, the environment, 0, pairs
//! of (`a_type`, `a_val`) up to `AT_NULL`. Invariant: the words and strings are only read, and live as long
//! as the process.

use core::ffi::CStr;

/// `include/uapi/linux/auxvec.h`
const AT_NULL: usize = 0;
const AT_EXECFN: usize = 31;
const AT_SYSINFO_EHDR: usize = 33;

/// The stack as it was at the first instruction.
#[derive(Clone, Copy)]
pub struct InitialStack {
    argc: *const usize,
}

impl InitialStack {
    /// Takes the stack pointer of process entry.
    ///
    /// # Safety
    ///
    /// `argc` must point at words laid out as the module describes, unchanged for the rest of the process.
    pub unsafe fn new(argc: *const usize) -> Self {
        Self { argc }
    }

    /// Argument `index`, where 0 is the program's name.
    pub fn argument(&self, index: usize) -> Option<&'static [u8]> {
        // SAFETY: the first word is `argc`, by the promise made to `new`.
        let count = unsafe { self.argc.read() };
        if index >= count {
            return None;
        }
        // SAFETY: `argc` pointers follow the first word, each to a string that ends in NUL.
        let text = unsafe { CStr::from_ptr(self.argc.add(1 + index).read() as *const _) };
        Some(text.to_bytes())
    }

    /// Whether the execve workload started this process: its mark is an empty program name, which no shell
    /// gives.
    pub fn is_re_execution(&self) -> bool {
        self.argument(0).is_some_and(<[u8]>::is_empty)
    }

    /// Where the kernel mapped the vDSO, if it did.
    pub fn vdso(&self) -> Option<usize> {
        self.auxiliary(AT_SYSINFO_EHDR)
    }

    /// The path that this program was executed by.
    pub fn executable(&self) -> Option<&'static CStr> {
        // SAFETY: AT_EXECFN is the address of a string that ends in NUL and stays where it is.
        self.auxiliary(AT_EXECFN).map(|text| unsafe { CStr::from_ptr(text as *const _) })
    }

    /// The value of environment variable `name`.
    pub fn variable(&self, name: &[u8]) -> Option<&'static [u8]> {
        let mut word = self.environment();
        loop {
            // SAFETY: the environment ends in a zero word, and no word behind that is read; each other word
            // points to a string that ends in NUL.
            let text = unsafe {
                match word.read() {
                    0 => return None,
                    text => CStr::from_ptr(text as *const _).to_bytes(),
                }
            };
            if let Some(value) = text.strip_prefix(name).and_then(|rest| rest.strip_prefix(b"=")) {
                return Some(value);
            }
            // SAFETY: the word was not the last one.
            word = unsafe { word.add(1) };
        }
    }

    /// The first word of the environment: behind the arguments and their zero word.
    fn environment(&self) -> *const usize {
        // SAFETY: by the promise made to `new`, `argc` words and a zero follow the first.
        unsafe { self.argc.add(1 + self.argc.read() + 1) }
    }

    /// The value of the auxiliary vector's entry of type `kind`, if there is one and it is not 0.
    fn auxiliary(&self, kind: usize) -> Option<usize> {
        let mut word = self.environment();
        // SAFETY: by the promise made to `new`, the environment ends in a zero word and the auxiliary vector
        // in AT_NULL; no word behind that is read.
        unsafe {
            while word.read() != 0 {
                word = word.add(1);
            }
            word = word.add(1);
            while word.read() != AT_NULL {
                if word.read() == kind {
                    return Some(word.add(1).read()).filter(|&value| value != 0);
                }
                word = word.add(2);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stack(words: &'static [usize]) -> InitialStack {
        // SAFETY: the tests lay their words out as the kernel does.
        unsafe { InitialStack::new(words.as_ptr()) }
    }

    fn address(text: &'static CStr) -> usize {
        text.as_ptr() as usize
    }

    #[test]
    fn arguments_end_at_argc() {
        let words = vec![2, address(c"workload"), address(c"noop"), 0, address(c"HOME=/"), 0, 0, 0].leak();
        let stack = stack(words);
        assert_eq!(stack.argument(1), Some(&b"noop"[..]));
        assert_eq!(stack.argument(2), None);
        assert!(!stack.is_re_execution());
    }

    #[test]
    fn the_vdso_is_found_behind_the_environment() {
        let words = vec![0, 0, address(c"A=1"), address(c"B=2"), 0, 6, 4096, 33, 0x7000, 0, 0].leak();
        assert_eq!(stack(words).vdso(), Some(0x7000));
        assert_eq!(stack(&[0, 0, 0, 6, 4096, 0, 0]).vdso(), None);
    }

    #[test]
    fn the_path_of_execution_is_found_behind_the_environment() {
        let words = vec![0, 0, 0, 31, address(c"/init"), 0, 0].leak();
        assert_eq!(stack(words).executable(), Some(c"/init"));
        assert_eq!(stack(&[0, 0, 0, 31, 0, 0, 0]).executable(), None);
    }

    #[test]
    fn a_variable_is_found_by_its_whole_name() {
        let words = vec![0, 0, address(c"PORTS=1"), address(c"PORT"), address(c"PORT=2"), 0, 0, 0].leak();
        let stack = stack(words);
        assert_eq!(stack.variable(b"PORT"), Some(&b"2"[..]));
        assert_eq!(stack.variable(b"POR"), None);
        assert_eq!(stack.variable(b""), None);
    }

    #[test]
    fn an_empty_program_name_marks_a_re_execution() {
        let words = vec![1, address(c""), 0, 0, 0, 0].leak();
        assert!(stack(words).is_re_execution());
        assert!(!stack(&[0, 0, 0, 0, 0]).is_re_execution(), "no arguments at all are no mark");
    }
}
