import type { Command, Completion } from "../command.ts"
import type { Flag, Flags } from "../flags/flag.ts"
import type { Entry, Group } from "../table/entry.ts"

/** A word that may stand where the cursor is, and what it means. */
export interface Candidate {
  readonly word: string
  readonly about?: string
}

/** What is known about the position of the cursor. */
export interface Completed {
  readonly candidates: readonly Candidate[]
  /** Whether names of files fit as well. */
  readonly files: boolean
}

/** What the command line consists of. */
export interface Surroundings {
  readonly globals: Flags
  readonly groups: readonly Group[]
  /** Every name at top level but those of groups. */
  readonly top: readonly (readonly [name: string, entry: Entry])[]
  /** Names of the daemon's objects. */
  objects(kind: Completion): Promise<readonly Candidate[]>
}

/** What flags' values are, where it is known. */
const objectsOfFlags: Readonly<Record<string, Completion>> = {
  context: "contexts",
  env: "variables",
  from: "contexts",
  network: "networks",
  "volumes-from": "containers",
  link: "containers",
}
const capabilities =
  "AUDIT_CONTROL AUDIT_READ AUDIT_WRITE BLOCK_SUSPEND BPF CHECKPOINT_RESTORE CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID IPC_LOCK IPC_OWNER KILL LEASE LINUX_IMMUTABLE MAC_ADMIN MAC_OVERRIDE MKNOD NET_ADMIN NET_BIND_SERVICE NET_BROADCAST NET_RAW PERFMON SETFCAP SETGID SETPCAP SETUID SYS_ADMIN SYS_BOOT SYS_CHROOT SYSLOG SYS_MODULE SYS_NICE SYS_PACCT SYS_PTRACE SYS_RAWIO SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG WAKE_ALARM"
    .split(" ")
    .map((name) => `CAP_${name}`)
const limits =
  "as chroot core cpu data fsize locks maxlogins maxsyslogins memlock msgqueue nice nofile nonewprivs nproc priority rss rtprio sigpending stack"

const wordsOfFlags: Readonly<Record<string, readonly string[]>> = {
  "cap-add": ["ALL", ...capabilities],
  "cap-drop": ["ALL", ...capabilities],
  cgroupns: ["host", "private"],
  "detach-keys": ["ctrl-"],
  driver: ["bridge", "ipvlan", "local", "macvlan"],
  ipc: ["host", "none", "private", "shareable", "container:"],
  "log-driver": ["fluentd", "gelf", "journald", "json-file", "local", "none", "syslog"],
  "log-opt": ["compress=", "labels=", "max-file=", "max-size=", "mode=", "tag="],
  mount: ["type=bind,", "type=volume,", "type=tmpfs,", "type=image,"],
  pid: ["host", "container:"],
  platform: ["linux/386", "linux/amd64", "linux/arm", "linux/arm/v6", "linux/arm64", "linux/riscv64"],
  "security-opt": ["apparmor=", "label=", "no-new-privileges", "seccomp=", "systempaths=unconfined"],
  "storage-opt": ["size="],
  ulimit: limits.split(" ").map((name) => `${name}=`),
  userns: ["host"],
  uts: ["host"],
  format: ["json", "table"],
  "log-level": ["debug", "info", "warn", "error", "fatal"],
  pull: ["always", "missing", "never"],
  restart: ["always", "no", "on-failure", "unless-stopped"],
  signal: ["SIGCONT", "SIGHUP", "SIGINT", "SIGKILL", "SIGQUIT", "SIGSTOP", "SIGTERM", "SIGUSR1", "SIGUSR2", "SIGWINCH"],
  type: ["container", "image", "network", "volume"],
}

/** What may stand in place of the last of `words` (which is begun, perhaps empty). */
export async function complete(words: readonly string[], around: Surroundings): Promise<Completed> {
  const begun = words.at(-1) ?? ""
  const before = words.slice(0, -1)
  const global = skipFlags(before, 0, around.globals)
  if (global.flag) return ofFlag(global.flag, around.globals, begun, around)
  const first = before[global.at]
  if (first === undefined) {
    if (begun.startsWith("-")) return listed(flagWords(around.globals), begun)
    const named = around.top.filter(([, entry]) => !entry.hidden).map(([word, { short }]) => ({ word, about: short }))
    return listed([...named, ...around.groups.map(({ name, short }) => ({ word: name, about: short }))], begun)
  }
  const group = around.groups.find(({ name }) => name === first)
  if (group && before.length === global.at + 1)
    return listed(
      group.entries.filter((entry) => !entry.hidden).map(({ name, short }) => ({ word: name, about: short })),
      begun,
    )
  const entry = group
    ? group.entries.find(
        ({ name, aliases }) => name === before[global.at + 1] || aliases?.includes(before[global.at + 1]!),
      )
    : around.top.find(([name]) => name === first)?.[1]
  if (!entry) return { candidates: [], files: false }
  return ofCommand(await entry.load(), before.slice(global.at + (group ? 2 : 1)), begun, around)
}

async function ofCommand(
  command: Command,
  before: readonly string[],
  begun: string,
  around: Surroundings,
): Promise<Completed> {
  const args: string[] = []
  let at = 0
  while (at < before.length) {
    const skipped = skipFlags(before, at, command.flags)
    if (skipped.flag) return ofFlag(skipped.flag, command.flags, begun, around)
    if (skipped.at >= before.length) break
    args.push(before[skipped.at]!)
    at = skipped.at + 1
    if (command.interspersed === false) break
  }
  if (command.interspersed === false && args.length > 0) return { candidates: [], files: true }
  const assigned = /^(--([\w-]+)=)(.*)$/s.exec(begun)
  if (assigned) return ofAssigned(assigned[1]!, await ofFlag(assigned[2]!, command.flags, assigned[3]!, around))
  if (begun.startsWith("-")) return listed(flagWords(command.flags), begun)
  const takesMore = command.args(args.length + 1) === undefined || command.args(args.length) !== undefined
  if (!takesMore) return { candidates: [], files: false }
  if (!command.complete) return { candidates: [], files: true }
  const kind = typeof command.complete === "string" ? command.complete : command.complete[args.length]
  if (!kind) return { candidates: [], files: false }
  const known = await around.objects(kind)
  return listed(
    known.filter(({ word }) => !args.includes(word)),
    begun,
  )
}

/** `--name=value` is one word. */
const ofAssigned = (prefix: string, { candidates, files }: Completed): Completed => ({
  candidates: candidates.map(({ word, about }) => ({ word: prefix + word, ...(about ? { about } : {}) })),
  files,
})

async function ofFlag(name: string, flags: Flags, begun: string, around: Surroundings): Promise<Completed> {
  const kind = objectsOfFlags[name]
  if (kind) return listed(await around.objects(kind), begun)
  const words = flags[name]?.words ?? wordsOfFlags[name]
  return words
    ? listed(
        words.map((word) => ({ word })),
        begun,
      )
    : { candidates: [], files: true }
}

/** Passes over flags and their values. `flag` is the name of one whose value comes next. */
function skipFlags(
  words: readonly string[],
  from: number,
  flags: Flags,
): { readonly at: number; readonly flag?: string } {
  let at = from
  for (; at < words.length; at++) {
    const word = words[at]!
    if (!word.startsWith("-") || word === "-") break
    const flag = valueFlag(word, flags)
    if (flag === undefined) continue
    at++
    if (at === words.length) return { at, flag }
  }
  return { at }
}

/** The name of the flag that takes the next word as its value, if `word` is such a flag. */
function valueFlag(word: string, flags: Flags): string | undefined {
  const takesValue = (flag: Flag<unknown> | undefined) => flag !== undefined && flag.bare === undefined
  if (word.startsWith("--")) return takesValue(flags[word.slice(2)]) ? word.slice(2) : undefined
  const last = word.at(-1)!
  const found = Object.entries(flags).find(([, { short }]) => short === last)
  return found && takesValue(found[1]) ? found[0] : undefined
}

const flagWords = (flags: Flags): readonly Candidate[] =>
  Object.entries(flags)
    .filter(([, flag]) => !flag.hidden)
    .map(([name, { usage }]) => ({ word: `--${name}`, about: usage.split("\n")[0]! }))

const listed = (candidates: readonly Candidate[], begun: string): Completed => ({
  candidates: candidates
    .filter(({ word }) => word.startsWith(begun))
    .sort((one, other) => (one.word < other.word ? -1 : 1)),
  files: false,
})
