// The processors a test machine may have: this one, or another that qemu imitates.

const machines = {
  x64: {
    debian: "amd64",
    bun: "bun-linux-x64",
    target: "bun-linux-x64",
    program: "qemu-system-x86_64",
    qemuPackage: "qemu-system-x86",
    board: ["-machine", "q35"],
    cpu: "max",
    processors: 2,
    console: "ttyS0",
    // The kernel tries its timer for some milliseconds, and gives up when this host was busy meanwhile.
    kernelOptions: ["no_timer_check"],
  },
  arm64: {
    debian: "arm64",
    bun: "bun-linux-aarch64",
    target: "bun-linux-arm64",
    program: "qemu-system-aarch64",
    qemuPackage: "qemu-system-arm",
    board: ["-machine", "virt,gic-version=3"],
    cpu: "cortex-a72", // with a newer one, or more than one, what compiles hot code at run time crashes under qemu 7.2
    processors: 1,
    console: "ttyAMA0",
    kernelOptions: [],
  },
}

/**
 * The machine with a processor as Node calls it; this one's when none is named. A `foreign` machine's programs do not run here.
 * @returns undefined when there is none
 */
export function machineOf(name = process.arch) {
  const machine = machines[name]
  return machine && { name, ...machine, foreign: name !== process.arch }
}
