import { readdirSync, readFileSync, readlinkSync } from "node:fs"
import { libc, types } from "../../src/linux/libc.ts"

const c = libc({
  syscall: { args: [types.i64, types.i64, types.i64, types.i64, types.i64, types.i64], returns: types.i64 },
})
const SYS_kcmp = process.arch === "arm64" ? 272 : 312
/** What two processes may share, by its number in kcmp(2). */
const shareable = { memory: 1, descriptors: 2, "working directory": 3, "signal handlers": 4 } as const

/**
 * What a process that a container's process has seized would give away: a sentence each, none for a process that has
 * nothing that the container has not. It may share with the processes of its PID namespace alone, and signal those that have
 * joined the container's mount namespace on the way to it, with no more rights than it has itself.
 * @param init the host's PID of the container's init
 * @param pid the seized process's PID in the container
 */
export function exposure(init: number, pid: number): string[] {
  const seized = hostPid(init, pid)
  const found: string[] = []
  const outside = allPids().filter((each) => namespaceOf(each, "pid") !== namespaceOf(init, "pid"))

  const own = BigInt(`0x${statusOf(init, "CapBnd")}`)
  for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]) {
    const more = BigInt(`0x${statusOf(seized, set)}`) & ~own
    if (more) found.push(`${set} has ${more.toString(16)} beyond the container's`)
  }
  for (const name of readdirSync(`/proc/${seized}/fd`))
    if (Number(name) > 2) found.push(`descriptor ${name} is ${readlinkSync(`/proc/${seized}/fd/${name}`)}`)
  for (const line of readFileSync(`/proc/${seized}/maps`, "latin1").split("\n"))
    if (/^\S+ \S{3}s/.test(line)) found.push(`memory is shared: ${line}`)
  for (const name of ["mnt", "net", "ipc", "uts", "cgroup", "pid"])
    if (namespaceOf(seized, name) !== namespaceOf(init, name))
      found.push(`its ${name} namespace is not the container's`)
  for (const other of outside) {
    for (const [what, kind] of Object.entries(shareable))
      if (Number(c.syscall(SYS_kcmp, seized, other, kind, 0, 0)) === 0)
        found.push(`shares ${what} with ${nameOf(other)}`)
    if (groupOf(seized) === groupOf(other) && namespaceOf(other, "mnt") !== namespaceOf(init, "mnt"))
      found.push(`can signal ${nameOf(other)}, which is in its process group`)
  }
  return found
}

const allPids = (): number[] => readdirSync("/proc").map(Number).filter(Boolean)

/** The host's PID of a process that is `pid` in the PID namespace of `init`. */
function hostPid(init: number, pid: number): number {
  const found = allPids().find(
    (each) =>
      namespaceOf(each, "pid") === namespaceOf(init, "pid") && statusOf(each, "NSpid")?.split("\t").at(-1) === `${pid}`,
  )
  if (found === undefined) throw new Error(`no process ${pid} in the container of ${init}`)
  return found
}

const read = (path: string): string => {
  try {
    return readFileSync(path, "latin1")
  } catch {
    return ""
  }
}

function namespaceOf(pid: number, name: string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/${name}`)
  } catch {
    return undefined
  }
}

const statusOf = (pid: number, field: string): string | undefined =>
  new RegExp(`^${field}:\t(.*)$`, "m").exec(read(`/proc/${pid}/status`))?.[1]
const groupOf = (pid: number): string | undefined => read(`/proc/${pid}/stat`).split(") ")[1]?.split(" ")[2]
const nameOf = (pid: number): string => `${pid} (${read(`/proc/${pid}/cmdline`).replaceAll("\0", " ").slice(0, 60)})`
