//! The process of one virtual machine; see [`microvm::vmm::process`].

fn main() -> std::process::ExitCode {
    microvm::vmm::process::main()
}
