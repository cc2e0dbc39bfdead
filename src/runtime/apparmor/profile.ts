/** The AppArmor profile of containers that ask for none. */
export const defaultProfileName = "barge-default"

/**
 * The text of the profile (apparmor.d(5)). Files, network and capabilities are left to the container's other bounds: what
 * it adds is that the host cannot be reached through /proc and /sys even where those are mounted anew, that nothing is
 * mounted, and that signals and traces stay among the container's own processes.
 *
 * Patterns of AppArmor know no "all but": `[^x]` at each letter of the allowed name says it.
 */
export const defaultProfile = `#include <tunables/global>

profile ${defaultProfileName} flags=(attach_disconnected,mediate_deleted) {
  #include <abstractions/base>

  capability,
  network,
  file,
  umount,
  deny mount,

  signal (receive) peer=unconfined,
  signal (receive) peer=runc,
  signal (receive) peer=crun,
  signal (send, receive) peer=${defaultProfileName},
  ptrace (trace, read, tracedby, readby) peer=${defaultProfileName},

  # /proc: files of the whole machine are not written; of the sysctls only those of the container's own namespaces.
  deny @{PROC}/* w,
  deny @{PROC}/{acpi,asound,bus,driver,fs,irq,scsi,tty}/** wl,
  deny @{PROC}/{kcore,kmem,mem,sysrq-trigger} rwlx,
  deny @{PROC}/sys/[^fkn]** wl,
  deny @{PROC}/sys/fs/[^m]** wl,
  deny @{PROC}/sys/fs/m[^q]** wl,
  deny @{PROC}/sys/kernel/[^dhms]** wl,
  deny @{PROC}/sys/kernel/{d[^o],h[^o],m[^s],s[^eh]}** wl,
  deny @{PROC}/sys/kernel/hotplug wl,

  # /sys: the control groups may be written, where they are mounted so; firmware, power and security are not even read.
  deny /sys/[^f]** wl,
  deny /sys/f[^s]** wl,
  deny /sys/fs/[^c]** wl,
  deny /sys/fs/c[^g]** wl,
  deny /sys/{firmware,kernel/security,devices/virtual/powercap}/** rwlx,
}
`
