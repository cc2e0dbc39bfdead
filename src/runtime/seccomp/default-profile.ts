import type { Profile, ProfileRule } from "./profile.ts"

/**
 * What containers may call by default: an allow-list by subject, with the same decisions as Docker's documented
 * default profile ("Seccomp security profiles for Docker", significant syscalls blocked). Everything else answers EPERM,
 * calls newer than the list ENOSYS, so that programs fall back.
 */
const always = {
  files: `access chdir chmod chown chown32 close close_range copy_file_range creat dup dup2 dup3 faccessat faccessat2
    fadvise64 fadvise64_64 fallocate fchdir fchmod fchmodat fchmodat2 fchown fchown32 fchownat fcntl fcntl64 fdatasync
    flock fstat fstat64 fstatat64 fstatfs fstatfs64 fsync ftruncate ftruncate64 futimesat getcwd getdents getdents64
    ioctl lchown lchown32 link linkat _llseek lseek lstat lstat64 mkdir mkdirat mknod mknodat name_to_handle_at
    newfstatat open openat openat2 pread64 preadv preadv2 pwrite64 pwritev pwritev2 read readahead readlink readlinkat
    readv rename renameat renameat2 rmdir sendfile sendfile64 splice stat stat64 statfs statfs64 statx symlink symlinkat
    sync sync_file_range syncfs tee truncate truncate64 umask unlink unlinkat utime utimensat utimensat_time64 utimes
    vmsplice write writev cachestat listmount statmount`,
  attributes: `fgetxattr flistxattr fremovexattr fsetxattr getxattr getxattrat lgetxattr listxattr listxattrat llistxattr
    lremovexattr lsetxattr removexattr removexattrat setxattr setxattrat`,
  waiting: `epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd
    eventfd2 fanotify_mark inotify_add_watch inotify_init inotify_init1 inotify_rm_watch _newselect pause pipe pipe2 poll
    ppoll ppoll_time64 pselect6 pselect6_time64 select signalfd signalfd4`,
  asynchronousIo: `io_cancel io_destroy io_getevents io_pgetevents io_pgetevents_time64 io_setup io_submit ioprio_get
    ioprio_set`,
  memory: `brk madvise map_shadow_stack membarrier memfd_create memfd_secret mincore mlock mlock2 mlockall mmap mmap2
    mprotect mremap mseal msync munlock munlockall munmap pkey_alloc pkey_free pkey_mprotect process_mrelease
    remap_file_pages`,
  processes: `execve execveat exit exit_group fork get_robust_list get_thread_area getcpu getpgid getpgrp getpid getppid
    getpriority getrlimit getrusage getsid gettid kill landlock_add_rule landlock_create_ruleset landlock_restrict_self
    pidfd_open pidfd_send_signal prctl prlimit64 restart_syscall rseq seccomp set_robust_list set_thread_area
    set_tid_address setpgid setpriority setrlimit setsid sysinfo tgkill times tkill ugetrlimit uname vfork wait4 waitid
    waitpid uretprobe riscv_hwprobe`,
  synchronisation: "futex futex_requeue futex_time64 futex_wait futex_waitv futex_wake",
  signals: `rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait
    rt_sigtimedwait_time64 rt_tgsigqueueinfo sigaltstack sigprocmask sigreturn`,
  scheduling: `sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getattr sched_getparam
    sched_getscheduler sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam
    sched_setscheduler sched_yield`,
  identity: `capget capset getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 getresgid
    getresgid32 getresuid getresuid32 getuid getuid32 setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups
    setgroups32 setregid setregid32 setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 setuid setuid32`,
  time: `adjtimex alarm clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64
    clock_nanosleep clock_nanosleep_time64 getitimer gettimeofday nanosleep setitimer time timer_create timer_delete
    timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime
    timerfd_gettime64 timerfd_settime timerfd_settime64`,
  network: `accept accept4 bind connect getpeername getsockname getsockopt listen recv recvfrom recvmmsg recvmmsg_time64
    recvmsg send sendmmsg sendmsg sendto setsockopt shutdown socketcall socketpair`,
  messages: `ipc mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64
    mq_unlink msgctl msgget msgrcv msgsnd semctl semget semop semtimedop semtimedop_time64 shmat shmctl shmdt shmget`,
  randomness: "getrandom",
} as const

/** Calls that come with a capability. */
const withCapability: Readonly<Record<string, string>> = {
  CAP_BPF: "bpf",
  CAP_DAC_READ_SEARCH: "open_by_handle_at",
  CAP_PERFMON: "perf_event_open",
  CAP_SYSLOG: "syslog",
  CAP_SYS_ADMIN: `bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie lsm_get_self_attr
    lsm_list_modules lsm_set_self_attr mount mount_setattr move_mount open_tree perf_event_open quotactl quotactl_fd
    setdomainname sethostname setns syslog umount umount2 unshare`,
  CAP_SYS_BOOT: "reboot",
  CAP_SYS_CHROOT: "chroot",
  CAP_SYS_MODULE: "delete_module finit_module init_module",
  CAP_SYS_NICE: "get_mempolicy mbind set_mempolicy set_mempolicy_home_node",
  CAP_SYS_PACCT: "acct",
  CAP_SYS_PTRACE: "kcmp pidfd_getfd process_madvise process_vm_readv process_vm_writev ptrace",
  CAP_SYS_RAWIO: "ioperm iopl",
  CAP_SYS_TIME: "clock_settime clock_settime64 settimeofday stime",
  CAP_SYS_TTY_CONFIG: "vhangup",
}

const onArchitecture: readonly (readonly [arches: readonly string[], names: string])[] = [
  [["arm", "arm64"], "arm_fadvise64_64 arm_sync_file_range breakpoint cacheflush set_tls sync_file_range2"],
  [["amd64", "x32"], "arch_prctl"],
  [["amd64", "x32", "x86"], "modify_ldt"],
]

/**
 * Address families that reach outside a network namespace (vsock), or whose kernel code is old, unmaintained or has a
 * record of exploits (DECnet, Econet, ATM SVC, IrDA, WAN router, ISDN, CAIF, AF_ALG). linux/socket.h.
 */
const deniedFamilies = new Set([12, 19, 20, 23, 25, 34, 37, 38, 40])
const highestFamily = 45

/** PER_LINUX, PER_LINUX32, UNAME26, both, and the query. linux/personality.h. */
const personalities = [0, 8, 0x20000, 0x20008, 0xffffffff]

/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET: no new namespaces without CAP_SYS_ADMIN. */
const namespaceFlags = 0x7e020000

const words = (text: string): string[] => text.trim().split(/\s+/)
const allow = (text: string, more: Omit<ProfileRule, "names" | "action"> = {}): ProfileRule => ({
  names: words(text),
  action: "SCMP_ACT_ALLOW",
  ...more,
})
const families = Array.from({ length: highestFamily + 1 }, (_, family) => family).filter(
  (one) => !deniedFamilies.has(one),
)
const equals = (value: number) => ({ args: [{ index: 0, value, valueTwo: 0, op: "SCMP_CMP_EQ" }] })

export const defaultProfile: Profile = {
  defaultAction: "SCMP_ACT_ERRNO",
  defaultErrnoRet: 1,
  archMap: [
    { architecture: "SCMP_ARCH_X86_64", subArchitectures: ["SCMP_ARCH_X86", "SCMP_ARCH_X32"] },
    { architecture: "SCMP_ARCH_AARCH64", subArchitectures: ["SCMP_ARCH_ARM"] },
  ],
  syscalls: [
    allow(Object.values(always).join(" ")),
    allow("process_vm_readv process_vm_writev ptrace", { includes: { minKernel: "4.8" } }),
    ...families.map((family) => allow("socket", equals(family))),
    ...personalities.map((value) => allow("personality", equals(value))),
    ...onArchitecture.map(([arches, names]) => allow(names, { includes: { arches } })),
    ...Object.entries(withCapability).map(([capability, names]) => allow(names, { includes: { caps: [capability] } })),
    allow("clone", {
      args: [{ index: 0, value: namespaceFlags, valueTwo: 0, op: "SCMP_CMP_MASKED_EQ" }],
      excludes: { caps: ["CAP_SYS_ADMIN"] },
    }),
    // Its flags are behind a pointer, which a filter cannot read: with ENOSYS the C libraries fall back to clone.
    { names: ["clone3"], action: "SCMP_ACT_ERRNO", errnoRet: 38, excludes: { caps: ["CAP_SYS_ADMIN"] } },
  ],
}
