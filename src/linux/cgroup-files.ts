import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, rmdirSync, writeSync } from "node:fs"
import { constants } from "node:os"
import { dirname } from "node:path"
import { Failure } from "../errors/failure.ts"

/** The content of a control file without its last newline, or undefined when it is not there (or its group has gone). */
export function readControl(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trimEnd()
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === "ENOENT" || code === "ENODEV" || code === "EOPNOTSUPP") return undefined
    throw error
  }
}

/** A control file that holds one number; undefined when absent, or `max`. */
export function readCount(path: string): bigint | undefined {
  const text = readControl(path)
  return text !== undefined && /^-?\d+$/.test(text) ? BigInt(text) : undefined
}

/** A control file of `key value` lines. Empty when absent. */
export function readTable(path: string): Record<string, bigint> {
  const table: Record<string, bigint> = {}
  for (const line of (readControl(path) ?? "").split("\n")) {
    const space = line.indexOf(" ")
    const value = line.slice(space + 1)
    if (space > 0 && /^-?\d+$/.test(value)) table[line.slice(0, space)] = BigInt(value)
  }
  return table
}

/** Writes a control file in one write(2), as the kernel wants it. @throws Node's error with `code` */
export function writeControl(path: string, value: string): void {
  const file = openSync(path, "w")
  try {
    writeSync(file, value)
  } finally {
    closeSync(file)
  }
}

/**
 * Writes one limit.
 * @throws invalidArgument naming `limit`, with the kernel's reason, when it is refused or the host has no such control
 */
export function writeLimit(limit: string, path: string, value: string): void {
  try {
    writeControl(path, value)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    const why =
      code === "ENOENT" || code === "EACCES"
        ? "this kernel does not offer that control"
        : code === "ENODEV"
          ? "no such device"
          : `the kernel answered ${code} (${describe(code)})`
    throw new Failure("invalidArgument", `cannot set ${limit} to ${value}: ${why}`, error)
  }
}

const describe = (code: string | undefined): string =>
  code === "EBUSY"
    ? "the group uses more than that now, or the value conflicts with another limit"
    : code === "EINVAL" || code === "ERANGE"
      ? "the value is out of range or conflicts with another limit"
      : "refused"

/** Makes `path` and missing parents. @returns the directories that were made, outermost first */
export function makeGroup(path: string): string[] {
  try {
    mkdirSync(path)
    return [path]
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === "EEXIST") return []
    if (code !== "ENOENT") throw error
    const made = makeGroup(dirname(path))
    try {
      mkdirSync(path)
      made.push(path)
    } catch (again) {
      if ((again as NodeJS.ErrnoException).code !== "EEXIST") throw again
    }
    return made
  }
}

/** `path` and all groups below it, deepest first. Empty when it is not there. */
export function groupsBelow(path: string): string[] {
  const found: string[] = []
  const walk = (group: string): void => {
    try {
      for (const entry of readdirSync(group, { withFileTypes: true }))
        if (entry.isDirectory()) walk(`${group}/${entry.name}`)
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code
      if (code === "ENOENT" || code === "ENODEV") return
      throw error
    }
    found.push(group)
  }
  walk(path)
  return found
}

/** Host PIDs in a group and all groups below it. */
export function pidsIn(path: string): number[] {
  const pids = new Set<number>()
  for (const group of groupsBelow(path))
    for (const line of (readControl(`${group}/cgroup.procs`) ?? "").split("\n")) if (line) pids.add(Number(line))
  return [...pids]
}

/** SIGKILL to each of `pids`; those that have ended already are passed over. */
export function killAll(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, constants.signals.SIGKILL)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error
    }
  }
}

/** Milliseconds between attempts: short at first, since a dying process usually needs one or two. */
const pauses = [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096]

/**
 * Removes a group and those below it.
 * @throws conflict when processes are still inside after about eight seconds
 */
export async function removeGroup(path: string): Promise<void> {
  for (const pause of pauses) {
    if (pause > 0) await new Promise((resolve) => setTimeout(resolve, pause))
    if (tryRemove(path)) return
  }
  throw new Failure(
    "conflict",
    `cannot remove the control group ${path}: it still holds processes (${pidsIn(path).slice(0, 5).join(", ")})`,
  )
}

/** One attempt at {@link removeGroup}. @returns whether the group has gone */
export function tryRemove(path: string): boolean {
  try {
    rmdirSync(path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return true
  }
  for (const group of groupsBelow(path)) {
    try {
      rmdirSync(group)
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code
      if (code === "EBUSY" || code === "ENOTEMPTY") return false
      if (code !== "ENOENT" && code !== "ENODEV") throw error
    }
  }
  return !existsSync(path)
}

/** Resolves when `done` says so, asking again at growing intervals. @throws unavailable after about eight seconds */
export async function until(done: () => boolean, what: string): Promise<void> {
  for (const pause of pauses) {
    if (done()) return
    await new Promise((resolve) => setTimeout(resolve, pause))
  }
  if (!done()) throw new Failure("unavailable", `${what} did not happen in time; try again`)
}
