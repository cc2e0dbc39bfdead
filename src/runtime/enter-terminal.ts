import { closeSync } from "node:fs"
import { Failure } from "../errors/failure.ts"
import { errnoName } from "../linux/errno.ts"
import { openFlags, resolveFlags } from "../linux/files.ts"
import { forkingProgram } from "../linux/forking-program.ts"
import { memoryProgram } from "../linux/memory-file.ts"
import { type Terminal, terminalRequests } from "../linux/pty.ts"
import { receiveDescriptors, rightsOf } from "../linux/scm-rights.ts"
import { socketPair } from "../linux/socket.ts"
import { spawn } from "../linux/spawn.ts"
import type { ExecRequest } from "./contract.ts"
import { joinGroup, runtimeEnvironment } from "./launch.ts"

const AT_FDCWD = -100
const O_NOCTTY = 0o400
const CLONE_NEWNS = 0x20000
const PR_SET_DUMPABLE = 4
const MSG_NOSIGNAL = 0x4000

/** The numbers of the program's descriptors: two that it gets, and two that it opens. */
const descriptors = { pidfd: 3, socket: 4, master: 5, slave: 6 } as const

/**
 * Makes a terminal in the devpts of a container, at /dev/pts beneath the root of its mount namespace, whatever directory init
 * has for a root. A process of its own does so: the container decides what lies at that path, and a file system that
 * the container serves itself (FUSE) can hold whoever looks at it for ever. The process joins the mount namespace and the
 * control groups alone; the container cannot name it, and ends it when its own processes end. That the kernel gives the
 * other side of what was opened shows that it is a terminal.
 * @param programStarted told of the process, a child of this one, by its PID
 * @throws internal when there is no devpts, or no room in it for another terminal
 */
export async function openTerminalIn(
  { pidfd, cgroupFiles }: NonNullable<ExecRequest["init"]>,
  programStarted: ExecRequest["programStarted"],
): Promise<Terminal> {
  const [ours, theirs] = socketPair()
  try {
    using file = memoryProgram("terminal", terminalProgram(cgroupFiles).image)
    const nothing = { stdin: "ignore", stdout: "ignore", stderr: "ignore" } as const
    const child = spawn({ command: [file.path], ...nothing, more: [pidfd, theirs], env: runtimeEnvironment })
    programStarted?.(child.pid, "enter")
    const code = await child.exited
    if (code !== 0) throw terminalFailure(code)
    const [master, slave] = receiveDescriptors(ours)?.descriptors ?? []
    if (master === undefined || slave === undefined) throw terminalFailure(code)
    return { master, slave }
  } finally {
    closeSync(ours)
    closeSync(theirs)
  }
}

function terminalProgram(cgroupFiles: readonly string[]) {
  const { pidfd, socket, master, slave } = descriptors
  const vector = { words: ["terminal", 1] } as const
  const rights = rightsOf([master, slave])
  const message = { words: [0, 0, vector, 1, rights, rights.length, 0] } as const
  const flags = openFlags.readwrite | openFlags.nonblock | openFlags.closeOnExec | O_NOCTTY
  const how = { words: [flags, 0, resolveFlags.noMagicLinks] } as const
  return forkingProgram({
    steps: [
      ["setsid"],
      ["prctl", PR_SET_DUMPABLE, 0, 0, 0, 0],
      ...cgroupFiles.flatMap((file) => joinGroup(file, master)),
      ["setns", pidfd, CLONE_NEWNS],
      ["openat2", AT_FDCWD, "/dev/pts/ptmx", how, 24],
      ["ioctl", master, terminalRequests.lock, Buffer.alloc(4)],
      ["ioctl", master, terminalRequests.peer, openFlags.readwrite | openFlags.closeOnExec | O_NOCTTY],
      // Fails unless both are open: a file that only claims to be a terminal has no other side.
      ["sendmsg", socket, message, MSG_NOSIGNAL],
      ["exit_group", 0],
    ],
  })
}

/** @param code errno of the call that failed, or 128 + signal */
function terminalFailure(code: number): Failure {
  if (code > 128) return new Failure("internal", `making a terminal was ended by signal ${code - 128}`)
  const name = errnoName(code)
  if (name === "ENOSPC") return new Failure("internal", "the container's devpts has no room for another terminal")
  return new Failure(
    "internal",
    `the container has no devpts at /dev/pts, which an exec with a terminal needs (${name})`,
  )
}
