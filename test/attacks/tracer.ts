/**
 * The attacker: a program inside a container that has CAP_SYS_PTRACE. It seizes every process that appears in its PID
 * namespace, as early as it can, and keeps those that have not become their program yet. Bun runs it, since every host that
 * runs the tests has Bun: nothing is compiled.
 *
 * It prints a line of JSON when it is ready, and one for each process: `{"seen": PID}`, or `{"kept": PID}` for one that it
 * keeps stopped until it is sent a line. Its argument says what it does with a process that it keeps: `hold` nothing;
 * `kill` ends it; `overwrite` puts endless loops over its code and ends it, so that a process that shares its memory spins.
 */
import { dlopen, FFIType } from "bun:ffi"
import { readFileSync, readlinkSync, readSync } from "node:fs"

const { i64, i32, ptr } = FFIType
const { symbols: c } = dlopen("libc.so.6", {
  ptrace: { args: [i64, i64, i64, i64], returns: i64 },
  waitpid: { args: [i32, ptr, i32], returns: i32 },
})

const PTRACE_DETACH = 17
const PTRACE_SEIZE = 0x4206
const PTRACE_INTERRUPT = 0x4207
const PTRACE_POKEDATA = 5
const WNOHANG = 1
const __WALL = 0x4000_0000

const [how = "hold"] = process.argv.slice(2)
const status = new Int32Array(1)

/** The PID that was given last in this namespace: proc(5), loadavg. */
const lastPid = () => Number(readFileSync("/proc/loadavg", "latin1").trim().split(" ")[4])

/**
 * Whether the process runs the file that it was born with: no execve(2) yet (PF_FORKNOEXEC of its flags, proc(5)); or
 * runc's own program, which it begins a second time.
 */
function isNewborn(pid: number): boolean {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1")
  const flags = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[6])
  return (flags & 0x40) !== 0 || readlinkSync(`/proc/${pid}/exe`).includes("runc")
}

/** Seizes the next process to appear and stops it. */
function seizeNext(): number {
  for (;;) {
    const next = lastPid() + 1
    for (let attempt = 0; attempt < 2000; attempt++) {
      for (const pid of [next, next + 1]) {
        if (Number(c.ptrace(PTRACE_SEIZE, pid, 0, 0)) !== 0) continue
        c.ptrace(PTRACE_INTERRUPT, pid, 0, 0)
        if (c.waitpid(pid, status, __WALL) === pid && (status[0]! & 0xff) === 0x7f) return pid
      }
    }
  }
}

/** Puts `jmp $` (or `b .`) over every executable page of the program. */
function overwrite(pid: number): void {
  const loop = process.arch === "arm64" ? 0x14000000_14000000n : 0xfeeb_feeb_feeb_feebn
  const maps = readFileSync(`/proc/${pid}/maps`, "latin1").split("\n")
  for (const [, from, to] of maps.map((line) => /^(\w+)-(\w+) r-xp .*memfd/.exec(line) ?? [])) {
    if (!from) continue
    for (let at = Number(`0x${from}`); at < Number(`0x${to}`); at += 8) c.ptrace(PTRACE_POKEDATA, pid, at, loop)
  }
}

/** Whether a process has not become its program; false when it has ended. */
function isKept(pid: number): boolean {
  try {
    return isNewborn(pid)
  } catch {
    return false
  }
}

const say = (message: object) => console.log(JSON.stringify(message))

say({ ready: true })
for (;;) {
  const pid = seizeNext()
  if (!isKept(pid)) say({ seen: pid })
  else {
    if (how === "overwrite") overwrite(pid)
    say({ kept: pid })
    readSync(0, Buffer.alloc(1))
    if (how !== "hold") process.kill(pid, 9)
  }
  c.ptrace(PTRACE_DETACH, pid, 0, 0)
  // One that has been killed meanwhile cannot be reaped by its parent before.
  c.waitpid(pid, status, __WALL | WNOHANG)
}
