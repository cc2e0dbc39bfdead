// The daemon that `npm start` runs: its files, and how it is asked, started and ended.
import { spawn } from "node:child_process"
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { request } from "node:http"
import { setTimeout as pause } from "node:timers/promises"
import { executable, fail } from "./tools.mjs"

export const runRoot = "/run/barge"
export const socket = `${runRoot}/barge.sock`
export const logFile = `${runRoot}/daemon.log`
const marker = `${runRoot}/started-by-npm`

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

/** Starts the daemon in the background and waits until it answers. */
export async function startDaemon() {
  mkdirSync(runRoot, { recursive: true, mode: 0o711 })
  const log = openSync(logFile, "a", 0o600)
  const child = spawn(executable, ["daemon"], { detached: true, stdio: ["ignore", log, log], cwd: "/" })
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

/** Ends the daemon; containers and shim stay. */
export async function endDaemon(pid) {
  process.kill(pid, "SIGTERM")
  while (daemonPid() === pid) await pause(20)
}

/** Whether `npm start` made the running daemon. */
export const startedHere = () => existsSync(marker)

/** Forgets that `npm start` made a daemon. */
export const forgetStart = () => rmSync(marker, { force: true })
