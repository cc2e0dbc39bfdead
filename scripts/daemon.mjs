// The daemon that `npm start` runs: its files, and how it is asked, started and ended.
import { spawn, spawnSync } from "node:child_process"
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { request } from "node:http"
import { connect } from "node:net"
import { setTimeout as pause } from "node:timers/promises"
import { executable, fail, run, say } from "./tools.mjs"

const defaultRunRoot = "/run/barge"
/** BARGE_RUN_ROOT puts another daemon beside that of the system; `npm start -- FLAGS` gives it roots and a bridge of its own. */
export const runRoot = process.env.BARGE_RUN_ROOT || defaultRunRoot
export const socket = `${runRoot}/barge.sock`
export const logFile = `${runRoot}/daemon.log`
const marker = `${runRoot}/started-by-npm`

/** The words by which the program is called for this daemon. */
export const calling = (program) => (runRoot === defaultRunRoot ? [program] : [program, "-H", `unix://${socket}`])

/** Runs one of its commands with this terminal; ends the script when it fails. */
export const barge = (program, args) => {
  const [command, ...first] = calling(program)
  return run(command, [...first, ...args])
}

/** A JSON answer of the daemon, or undefined when none listens. */
export function ask(path) {
  return new Promise((resolve) => {
    const asked = request({ socketPath: socket, path, timeout: 5000 }, (answer) => {
      let text = ""
      answer.setEncoding("utf8")
      answer.on("data", (chunk) => (text += chunk))
      answer.on("end", () => {
        try {
          resolve(JSON.parse(text))
        } catch {
          resolve(undefined)
        }
      })
    })
    asked.on("error", () => resolve(undefined))
    asked.on("timeout", () => asked.destroy())
    asked.end()
  })
}

/** The running daemon's process ID, when it is alive. */
export function daemonPid() {
  try {
    const pid = Number(readFileSync(`${runRoot}/barge.pid`, "utf8"))
    process.kill(pid, 0)
    return pid
  } catch {
    return undefined
  }
}

/** Whether a process runs this very file: a later build is another file, also under the same name. */
export function runsFile(pid, program) {
  const [one, other] = [`/proc/${pid}/exe`, program].map((path) => statSync(path, { throwIfNoEntry: false }))
  return one !== undefined && one.dev === other?.dev && one.ino === other.ino
}

/** Starts the daemon in the background and waits until it answers. */
export async function startDaemon(program = executable, flags = []) {
  mkdirSync(runRoot, { recursive: true, mode: 0o711 })
  const log = openSync(logFile, "a", 0o600)
  const root = runRoot === defaultRunRoot ? [] : ["--exec-root", runRoot]
  const child = spawn(program, ["daemon", ...root, ...flags], { detached: true, stdio: ["ignore", log, log], cwd: "/" })
  closeSync(log)
  let ended
  child.on("exit", (code, signal) => (ended = code ?? signal))
  for (;;) {
    if (await ask("/version")) break
    if (ended !== undefined)
      fail(
        `The daemon ended (${ended}). Its messages are in ${logFile}:\n${readFileSync(logFile, "utf8").split("\n").slice(-8).join("\n")}`,
      )
    await pause(20)
  }
  child.unref()
  writeFileSync(marker, `${child.pid}\n`)
}

/** Stops every running container. The daemon must run. */
export function stopContainers(program) {
  const [command, ...first] = calling(program)
  const listed = spawnSync(command, [...first, "ps", "-q"], { encoding: "utf8" })
  if (listed.status !== 0) fail(`The containers cannot be listed: ${listed.stderr}`)
  const running = listed.stdout.split("\n").filter(Boolean)
  if (running.length === 0) return
  say(`Stopping ${running.length} running container${running.length === 1 ? "" : "s"}`)
  barge(program, ["stop", ...running])
}

/** Ends the daemon; containers and shim stay, unless no container runs. */
export async function endDaemon(pid) {
  process.kill(pid, "SIGTERM")
  while (daemonPid() === pid) await pause(20)
}

/** Whether the shim, which keeps containers running without the daemon, is alive. */
export function shimRuns() {
  return new Promise((resolve) => {
    const probe = connect({ path: `${runRoot}/shim/shim.sock` })
    probe.on("connect", () => {
      probe.destroy()
      resolve(true)
    })
    probe.on("error", () => resolve(false))
  })
}

/** Whether `npm start` made the running daemon. */
export function startedHere() {
  try {
    return Number(readFileSync(marker, "utf8")) === daemonPid()
  } catch {
    return false
  }
}

/** Forgets that `npm start` made a daemon. */
export const forgetStart = () => rmSync(marker, { force: true })
