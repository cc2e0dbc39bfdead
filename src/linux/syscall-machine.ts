/** System call numbers. */
export const numbers = {
  x64: {
    read: 0,
    write: 1,
    close: 3,
    rt_sigaction: 13,
    rt_sigprocmask: 14,
    ioctl: 16,
    sendmsg: 46,
    clone: 56,
    execve: 59,
    chdir: 80,
    fchdir: 81,
    fchown: 93,
    umask: 95,
    setsid: 112,
    setgroups: 116,
    setresuid: 117,
    setresgid: 119,
    capset: 126,
    pivot_root: 155,
    prctl: 157,
    chroot: 161,
    mount: 165,
    umount2: 166,
    exit_group: 231,
    waitid: 247,
    keyctl: 250,
    openat: 257,
    ppoll: 271,
    unshare: 272,
    prlimit64: 302,
    setns: 308,
    seccomp: 317,
    open_tree: 428,
    move_mount: 429,
    openat2: 437,
  },
  arm64: {
    ioctl: 29,
    umount2: 39,
    mount: 40,
    pivot_root: 41,
    chdir: 49,
    fchdir: 50,
    chroot: 51,
    fchown: 55,
    openat: 56,
    close: 57,
    read: 63,
    write: 64,
    ppoll: 73,
    capset: 91,
    exit_group: 94,
    waitid: 95,
    unshare: 97,
    rt_sigaction: 134,
    rt_sigprocmask: 135,
    setresuid: 147,
    setresgid: 149,
    setsid: 157,
    setgroups: 159,
    umask: 166,
    prctl: 167,
    keyctl: 219,
    clone: 220,
    execve: 221,
    sendmsg: 211,
    prlimit64: 261,
    setns: 268,
    seccomp: 277,
    open_tree: 428,
    move_mount: 429,
    openat2: 437,
  },
} as const

/** Where the machine code leaves three words of eight bytes. */
export const record = 0x20_0040

/**
 * The machine code that makes the calls, per architecture. It walks a table of calls behind it, rows of eight words of
 * eight bytes: a number, five arguments, and the addresses of the rows to continue with after a failure and after a result
 * above zero; an address of 0 is the next row after a result above zero, and after a failure the end of the process, with
 * errno as its exit code. In {@link record} it leaves the last result above zero that has a row of its own, and the row and
 * the result of the last failure.
 */
const machines = {
  x64: {
    elf: 62,
    code: Buffer.from(
      [
        "488d1d69000000", // lea rbx, [table]
        "41bc40002000", // mov r12d, record
        "488b03", // next: mov rax, [rbx]
        "488b7b08", // mov rdi, [rbx+8]
        "488b7310", // mov rsi, [rbx+16]
        "488b5318", // mov rdx, [rbx+24]
        "4c8b5320", // mov r10, [rbx+32]
        "4c8b4328", // mov r8, [rbx+40]
        "4889dd", // mov rbp, rbx
        "4883c340", // add rbx, 64
        "0f05", // syscall
        "4885c0", // test rax, rax
        "74db", // jz next
        "7812", // js negative
        "4c8b4d38", // mov r9, [rbp+56]
        "4d85c9", // test r9, r9
        "74d0", // jz next
        "49890424", // mov [r12], rax
        "4c89cb", // mov rbx, r9
        "ebc7", // jmp next
        "49896c2408", // negative: mov [r12+8], rbp
        "4989442410", // mov [r12+16], rax
        "4c8b4d30", // mov r9, [rbp+48]
        "4d85c9", // test r9, r9
        "7405", // jz fail
        "4c89cb", // mov rbx, r9
        "ebaf", // jmp next
        "4889c7", // fail: mov rdi, rax
        "48f7df", // neg rdi
        "b8e7000000", // mov eax, exit_group
        "0f05", // syscall
        "0f0b", // ud2: a filter forbids even the exit
        "000000", // the table is aligned
      ].join(""),
      "hex",
    ),
  },
  arm64: {
    elf: 183,
    code: Buffer.from(
      Uint32Array.of(
        0x10000353, // adr x19, table
        0xd2a00415, // mov x21, record - 64
        0xf9400268, // next: ldr x8, [x19]
        0xa9408660, // ldp x0, x1, [x19, #8]
        0xa9418e62, // ldp x2, x3, [x19, #24]
        0xf9401664, // ldr x4, [x19, #40]
        0xaa1303f4, // mov x20, x19
        0x91010273, // add x19, x19, #64
        0xd4000001, // svc #0
        0xb4ffff20, // cbz x0, next
        0xb7f800c0, // tbnz x0, #63, negative
        0xf9401e89, // ldr x9, [x20, #56]
        0xb4fffec9, // cbz x9, next
        0xf90022a0, // str x0, [x21, #64]
        0xaa0903f3, // mov x19, x9
        0x17fffff3, // b next
        0xf90026b4, // negative: str x20, [x21, #72]
        0xf9002aa0, // str x0, [x21, #80]
        0xf9401a89, // ldr x9, [x20, #48]
        0xb4000069, // cbz x9, fail
        0xaa0903f3, // mov x19, x9
        0x17ffffed, // b next
        0xcb0003e0, // fail: neg x0, x0
        0xd2800bc8, // mov x8, exit_group
        0xd4000001, // svc #0
        0x00000000, // udf: a filter forbids even the exit
      ).buffer,
    ),
  },
} as const

/** @throws RangeError on other architectures than x86_64 and arm64 */
export function machineOf(architecture: string) {
  if (architecture !== "x64" && architecture !== "arm64") throw new RangeError(`no programs for ${architecture}`)
  return { ...machines[architecture], numbers: numbers[architecture] }
}
