import { readFileSync } from "node:fs"
import { Failure } from "../errors/failure.ts"
import type { Process } from "../oci/runtime-spec.ts"

/** Every capability of Linux 5.9 and later, by number (capabilities(7), linux/capability.h). */
const names = (
  "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE " +
  "NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN " +
  "SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE " +
  "MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE"
)
  .split(" ")
  .map((name) => `CAP_${name}`)

/** As the kernel counts them; -1 for none of {@link names}. */
export const capabilityNumber = (name: string): number => names.indexOf(name)

/** What a container has when nothing else is asked for: Docker's fourteen. */
export const defaultCapabilities: readonly string[] = [
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_FSETID",
  "CAP_FOWNER",
  "CAP_MKNOD",
  "CAP_NET_RAW",
  "CAP_SETGID",
  "CAP_SETUID",
  "CAP_SETFCAP",
  "CAP_SETPCAP",
  "CAP_NET_BIND_SERVICE",
  "CAP_SYS_CHROOT",
  "CAP_KILL",
  "CAP_AUDIT_WRITE",
]

/** Those that this process may hand on: known to the kernel and in its bounding set. */
export function availableCapabilities(status = readFileSync("/proc/self/status", "utf8")): readonly string[] {
  const bounding = BigInt(`0x${/^CapBnd:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? "0"}`)
  return names.filter((_, number) => (bounding >> BigInt(number)) & 1n)
}

/**
 * `sys_admin` and `CAP_SYS_ADMIN` as the latter; `ALL` stays.
 * @throws invalidArgument in Docker's words
 */
export function normalizeCapabilities(
  words: readonly string[],
  available: readonly string[] = availableCapabilities(),
): readonly string[] {
  return words.map((word) => {
    const upper = word.toUpperCase()
    if (upper === "ALL") return upper
    const name = upper.startsWith("CAP_") ? upper : `CAP_${upper}`
    if (!names.includes(name)) throw new Failure("invalidArgument", `unknown capability: "${name}"`)
    if (!available.includes(name))
      throw new Failure(
        "invalidArgument",
        `capability not supported by your kernel or not available in the current environment: "${name}"`,
      )
    return name
  })
}

/** The capabilities of a container. `ALL` in `add` or `drop` goes first, the single ones after. @throws as {@link normalizeCapabilities} */
export function resolveCapabilities(options: {
  readonly add: readonly string[]
  readonly drop: readonly string[]
  readonly privileged: boolean
  readonly available?: readonly string[]
}): readonly string[] {
  const available = options.available ?? availableCapabilities()
  const add = normalizeCapabilities(options.add, available)
  const drop = normalizeCapabilities(options.drop, available)
  if (options.privileged) return available
  if (add.includes("ALL")) return available.filter((name) => !drop.includes(name))
  if (drop.includes("ALL")) return [...new Set(add)]
  const kept = defaultCapabilities.filter((name) => available.includes(name) && !drop.includes(name))
  return [...new Set([...kept, ...add])]
}

/** The sets of a process: only root's are effective at once, others get theirs by executing files that carry them. */
export function processCapabilities(
  uid: number,
  capabilities: readonly string[],
): NonNullable<Process["capabilities"]> {
  const all = [...capabilities]
  const own = uid === 0 ? all : []
  return { bounding: all, effective: own, permitted: own, inheritable: [], ambient: [] }
}
