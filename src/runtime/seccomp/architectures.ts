import { armSyscalls } from "./syscalls-arm.ts"
import { arm64Syscalls } from "./syscalls-arm64.ts"
import { x86Syscalls } from "./syscalls-x86.ts"
import { x8664Syscalls } from "./syscalls-x86-64.ts"

/** A calling convention that a filter can tell apart. */
export interface Architecture {
  /** The runtime specification's name, `SCMP_ARCH_…`. */
  readonly name: string
  /** What `seccomp_data.arch` holds (AUDIT_ARCH_…, linux/audit.h). */
  readonly audit: number
  /** Argument registers of 32 bits: only the low halves are compared. */
  readonly narrow: boolean
  /** Added to every number; x32 shares x86_64's audit value and sets bit 30. */
  readonly offset: number
  /** Numbers by name, without `offset`. */
  readonly syscalls: ReadonlyMap<string, number>
}

/** The bit of x32's system call numbers (__X32_SYSCALL_BIT). */
export const x32Bit = 0x40000000

/** Calls of x32 whose structures differ from x86_64's and which have numbers of their own, from 512 on. */
const x32Own =
  "rt_sigaction rt_sigreturn ioctl readv writev recvfrom sendmsg recvmsg execve ptrace rt_sigpending rt_sigtimedwait " +
  "rt_sigqueueinfo sigaltstack timer_create mq_notify kexec_load waitid set_robust_list get_robust_list vmsplice " +
  "move_pages preadv pwritev rt_tgsigqueueinfo recvmmsg sendmmsg process_vm_readv process_vm_writev setsockopt " +
  "getsockopt io_setup io_submit execveat preadv2 pwritev2"

/** Calls of x86_64 that x32 does not have. */
const x32Lacks =
  "_sysctl create_module epoll_ctl_old epoll_wait_old get_kernel_syms get_thread_area map_shadow_stack nfsservctl " +
  "query_module set_thread_area uselib vserver"

/** Reads `0 read write 5 fstat`: names in order, a number where the count goes on from. */
function numbers(table: string): Map<string, number> {
  const result = new Map<string, number>()
  let next = 0
  for (const word of table.trim().split(/\s+/)) {
    if (/^\d/.test(word)) next = Number(word)
    else result.set(word, next++)
  }
  return result
}

function x32(wide: ReadonlyMap<string, number>): Map<string, number> {
  const result = new Map(wide)
  for (const name of x32Lacks.split(" ")) result.delete(name)
  for (const [name, number] of numbers(`512 ${x32Own}`)) result.set(name, number)
  return result
}

const wide = numbers(x8664Syscalls)

export const architectures: readonly Architecture[] = [
  { name: "SCMP_ARCH_X86_64", audit: 0xc000003e, narrow: false, offset: 0, syscalls: wide },
  { name: "SCMP_ARCH_X32", audit: 0xc000003e, narrow: true, offset: x32Bit, syscalls: x32(wide) },
  { name: "SCMP_ARCH_X86", audit: 0x40000003, narrow: true, offset: 0, syscalls: numbers(x86Syscalls) },
  { name: "SCMP_ARCH_AARCH64", audit: 0xc00000b7, narrow: false, offset: 0, syscalls: numbers(arm64Syscalls) },
  { name: "SCMP_ARCH_ARM", audit: 0x40000028, narrow: true, offset: 0, syscalls: numbers(armSyscalls) },
]

/** The machine's own convention. */
export const nativeArchitecture = process.arch === "arm64" ? "SCMP_ARCH_AARCH64" : "SCMP_ARCH_X86_64"
