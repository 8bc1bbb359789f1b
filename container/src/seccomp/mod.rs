//! The system-call filter of a container: the OCI runtimes' default list, compiled once and reused.
//!
//! Numbers are x86-64's. Invariant: a call that the list does not name ends in EPERM, and one made through
//! another architecture's entry (32-bit) ends the process.
//!
//! seccompiler compiles rules on arguments, but tests the numbers one after another, 330 of them in this
//! list. The kernel runs a new filter once for every number there is to learn which are always allowed
//! (kernel/seccomp.c, `seccomp_cache_prepare`), so at every container start that costs the square of the
//! list: 1.3 ms on the development machine. Here the numbers are found by bisection, and seccompiler's rules
//! sit at the leaves: 0.12 ms.

mod list;

use std::sync::{Arc, OnceLock};

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, sock_filter,
};

/// A compiled filter, ready to be installed by any number of instances.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter(BpfProgram);

/// The list does not compile.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A rule on arguments is malformed.
    #[error("a seccomp rule on arguments is malformed: {0}; mend it in container/src/seccomp")]
    Rule(#[from] seccompiler::BackendError),
    /// A conditional jump of classic BPF spans 255 instructions.
    #[error("the seccomp filter jumps over {0} instructions, and BPF over 255 at most; shorten its rules")]
    TooLarge(usize),
}

impl Filter {
    /// The default list, following Docker's.
    ///
    /// # Errors
    /// Never with the list as it is; see [`Error`].
    pub fn compile_default() -> Result<Self, Error> {
        compile(&default_rules()?)
    }

    /// The filter as `struct sock_filter`s of linux/filter.h in memory order, for a program that installs it by itself.
    pub fn to_bytes(&self) -> Vec<u8> {
        let bytes = |instruction: &sock_filter| {
            let [code_low, code_high] = instruction.code.to_ne_bytes();
            let [a, b, c, d] = instruction.k.to_ne_bytes();
            [code_low, code_high, instruction.jt, instruction.jf, a, b, c, d]
        };
        self.0.iter().flat_map(bytes).collect()
    }

    pub(crate) fn program(&self) -> &[sock_filter] {
        &self.0
    }
}

/// The calls that the default filter allows whatever their arguments, by name: for runtimes that compile filters of their
/// own. Beside them it allows `clone` without namespaces, `socket` but of [`libc::AF_VSOCK`], and `personality` with a
/// known one; `clone3` is ENOSYS.
pub fn allowed_calls() -> impl Iterator<Item = &'static str> {
    list::NAMES.iter().map(|name| name.trim_start_matches("SYS_"))
}

/// The default filter, compiled at the first use.
pub fn default_filter() -> Arc<Filter> {
    static FILTER: OnceLock<Arc<Filter>> = OnceLock::new();
    let compile = || {
        // A constant input, and a test compiles it: this cannot fail in a build that passed its tests.
        #[expect(clippy::expect_used, reason = "the input is constant and tested")]
        Arc::new(Filter::compile_default().expect("the default list compiles"))
    };
    FILTER.get_or_init(compile).clone()
}

/// What happens to a system call.
#[derive(Clone, Debug, PartialEq)]
enum Verdict {
    Allow,
    Errno(i32),
    /// Decided by a program of seccompiler's.
    Rules(BpfProgram),
}

/// Verdicts by number, ascending; each holds up to the next number.
type Table = Vec<(u32, Verdict)>;

/// The flags of clone(2) that make namespaces: moby's mask, CLONE_NEWNS to CLONE_NEWNET.
pub const CLONE_NAMESPACES: u64 = (libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET) as u64;

fn default_rules() -> Result<Table, Error> {
    use SeccompCmpArgLen::{Dword, Qword};
    use SeccompCmpOp::{Eq, MaskedEq, Ne};
    let on_first = |length, op, value| -> Result<SeccompRule, Error> {
        Ok(SeccompRule::new(vec![SeccompCondition::new(0, length, op, value)?])?)
    };
    let mut special = vec![
        // The flags are in memory, out of a filter's sight. ENOSYS makes libc fall back to clone.
        (libc::SYS_clone3, Verdict::Errno(libc::ENOSYS)),
        (libc::SYS_clone, rules(libc::SYS_clone, vec![on_first(Qword, MaskedEq(CLONE_NAMESPACES), 0)?])?),
        // AF_VSOCK would speak to the hypervisor around the network namespace.
        (libc::SYS_socket, rules(libc::SYS_socket, vec![on_first(Dword, Ne, libc::AF_VSOCK as u64)?])?),
    ];
    // PER_LINUX, PER_LINUX32, each also with UNAME26, and the question which it is (personality(2)).
    let personalities = [0, 0x8, 0x2_0000, 0x2_0008, 0xffff_ffff];
    let allowed = personalities.map(|value| on_first(Dword, Eq, value));
    let allowed = allowed.into_iter().collect::<Result<_, _>>()?;
    special.push((libc::SYS_personality, rules(libc::SYS_personality, allowed)?));

    let allowed = list::ALLOWED.iter().map(|number| (*number, Verdict::Allow));
    Ok(table(allowed.chain(special)))
}

/// One call that is allowed if any of `rules` matches.
fn rules(number: libc::c_long, rules: Vec<SeccompRule>) -> Result<Verdict, Error> {
    let filter = SeccompFilter::new(
        [(number, rules)].into(),
        SeccompAction::Errno(libc::EPERM as u32),
        SeccompAction::Allow,
        TargetArch::x86_64,
    )?;
    Ok(Verdict::Rules(filter.try_into()?))
}

/// Sorts by number, fills the gaps with EPERM and joins neighbours with the same verdict.
fn table(calls: impl Iterator<Item = (libc::c_long, Verdict)>) -> Table {
    let refuse = Verdict::Errno(libc::EPERM);
    let mut calls: Vec<(u32, Verdict)> =
        // Numbers of x86-64 are small and never negative.
        calls.map(|(number, verdict)| (number as u32, verdict)).collect();
    calls.sort_by_key(|(number, _)| *number);
    let mut table = vec![(0, refuse.clone())];
    for (number, verdict) in calls {
        table.push((number, verdict));
        table.push((number + 1, refuse.clone()));
    }
    // Of two entries for a number the later one holds: first the gap's, then the call's.
    table.dedup_by(|later, earlier| {
        let same_number = later.0 == earlier.0;
        if same_number {
            earlier.1 = later.1.clone();
        }
        same_number
    });
    table.dedup_by(|later, earlier| later.1 == earlier.1);
    table
}

fn compile(table: &Table) -> Result<Filter, Error> {
    // linux/bpf_common.h; seccomp(2) lists what a filter may use.
    const LOAD_WORD: u16 = 0x20; // BPF_LD | BPF_W | BPF_ABS
    const JUMP_EQUAL: u16 = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
    /// linux/audit.h.
    const AUDIT_ARCH_X86_64: u32 = 0xc000_003e;
    // Offsets in struct seccomp_data.
    const NUMBER: u32 = 0;
    const ARCH: u32 = 4;
    let mut program = vec![
        instruction(LOAD_WORD, 0, 0, ARCH),
        instruction(JUMP_EQUAL, 1, 0, AUDIT_ARCH_X86_64),
        give(SeccompAction::KillProcess),
        instruction(LOAD_WORD, 0, 0, NUMBER),
    ];
    // Numbers of the x32 ABI have bit 30 set and so fall into the last entry, EPERM.
    program.extend(bisect(table)?);
    Ok(Filter(program))
}

/// Code that finds the verdict for the number in the accumulator.
fn bisect(table: &[(u32, Verdict)]) -> Result<BpfProgram, Error> {
    const JUMP_GREATER_OR_EQUAL: u16 = 0x35; // BPF_JMP | BPF_JGE | BPF_K
    if let [(_, verdict)] = table {
        return Ok(match verdict {
            Verdict::Allow => vec![give(SeccompAction::Allow)],
            Verdict::Errno(errno) => vec![give(SeccompAction::Errno(*errno as u32))],
            Verdict::Rules(program) => program.clone(),
        });
    }
    let (low, high) = table.split_at(table.len() / 2);
    let (first, low, high) = (high[0].0, bisect(low)?, bisect(high)?);
    let over_low = u8::try_from(low.len()).map_err(|_| Error::TooLarge(low.len()))?;
    let jump = instruction(JUMP_GREATER_OR_EQUAL, over_low, 0, first);
    Ok([vec![jump], low, high].concat())
}

fn give(action: SeccompAction) -> sock_filter {
    const RETURN: u16 = 0x06; // BPF_RET | BPF_K
    instruction(RETURN, 0, 0, u32::from(action))
}

fn instruction(code: u16, jt: u8, jf: u8, k: u32) -> sock_filter {
    sock_filter { code, jt, jf, k }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the kernel would answer: enough of classic BPF for these filters.
    fn run(filter: &Filter, arch: u32, number: u32, first_argument: u64) -> u32 {
        let (mut accumulator, mut at) = (0_u32, 0_usize);
        loop {
            let sock_filter { code, jt, jf, k } = filter.0[at];
            at += 1;
            let mut jump = |taken: bool| at += usize::from(if taken { jt } else { jf });
            match code {
                0x20 => {
                    accumulator = match k {
                        0 => number,
                        4 => arch,
                        16 => first_argument as u32,
                        20 => (first_argument >> 32) as u32,
                        _ => panic!("reads at {k}"),
                    }
                }
                0x05 => at += k as usize,
                0x15 => jump(accumulator == k),
                0x25 => jump(accumulator > k),
                0x35 => jump(accumulator >= k),
                0x54 => accumulator &= k,
                0x06 => return k,
                _ => panic!("unknown instruction {code:#x}"),
            }
        }
    }

    const X86_64: u32 = 0xc000_003e;
    const ALLOW: u32 = 0x7fff_0000;
    const EPERM: u32 = 0x0005_0001;
    const ENOSYS: u32 = 0x0005_0026;

    #[test]
    fn every_number_gets_the_verdict_of_the_list() {
        let filter = Filter::compile_default().unwrap();
        let by_argument = [libc::SYS_clone, libc::SYS_socket, libc::SYS_personality];
        for number in 0..1000 {
            if by_argument.contains(&number) {
                continue;
            }
            let expected = match number {
                libc::SYS_clone3 => ENOSYS,
                _ if list::ALLOWED.contains(&number) => ALLOW,
                _ => EPERM,
            };
            assert_eq!(run(&filter, X86_64, number as u32, 0), expected, "call {number}");
        }
    }

    #[test]
    fn calls_that_depend_on_their_arguments_are_judged_by_them() {
        let filter = Filter::compile_default().unwrap();
        let first = |number: libc::c_long, argument| run(&filter, X86_64, number as u32, argument);
        assert_eq!(first(libc::SYS_clone, (libc::CLONE_VM | libc::SIGCHLD) as u64), ALLOW);
        for flag in [libc::CLONE_NEWUSER, libc::CLONE_NEWNS, libc::CLONE_NEWNET] {
            assert_eq!(first(libc::SYS_clone, (flag | libc::SIGCHLD) as u64), EPERM);
        }
        assert_eq!(first(libc::SYS_socket, libc::AF_INET as u64), ALLOW);
        assert_eq!(first(libc::SYS_socket, libc::AF_VSOCK as u64), EPERM);
        assert_eq!(first(libc::SYS_personality, 0xffff_ffff), ALLOW);
        assert_eq!(first(libc::SYS_personality, 0x0004_0000), EPERM, "ADDR_NO_RANDOMIZE");
    }

    #[test]
    fn the_filter_is_handed_out_instruction_by_instruction_and_its_calls_by_name() {
        let filter = Filter::compile_default().unwrap();
        let bytes = filter.to_bytes();
        assert_eq!(bytes.len(), 8 * filter.0.len());
        let (code, k) = (filter.0[0].code, filter.0[0].k);
        assert_eq!((&bytes[..2], &bytes[4..8]), (&code.to_ne_bytes()[..], &k.to_ne_bytes()[..]));
        assert_eq!(allowed_calls().count(), list::ALLOWED.len());
        assert!(
            allowed_calls().any(|name| name == "read") && allowed_calls().all(|name| !name.contains("SYS"))
        );
    }

    #[test]
    fn other_abis_get_nowhere() {
        let filter = Filter::compile_default().unwrap();
        const I386: u32 = 0x4000_0003;
        const KILL_PROCESS: u32 = 0x8000_0000;
        assert_eq!(run(&filter, I386, 20, 0), KILL_PROCESS);
        assert_eq!(run(&filter, X86_64, 0x4000_0000 | 39, 0), EPERM, "x32");
    }

    #[test]
    fn a_number_is_found_in_few_steps() {
        let filter = Filter::compile_default().unwrap();
        assert!(filter.0.len() < 250, "{} instructions", filter.0.len());
    }
}
