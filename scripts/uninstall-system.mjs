// npm run uninstall-system: the opposite of install-system. What runs is stopped; the data stay.
import { existsSync, readFileSync, rmSync } from "node:fs"
import { setTimeout as pause } from "node:timers/promises"
import { ask, daemonPid, endDaemon, runRoot, shimRuns, startedHere, stopContainers } from "./daemon.mjs"
import { completions, configuration, program, underSystemd, units } from "./system-files.mjs"
import { fail, run, say } from "./tools.mjs"

const files = [...units, ...Object.values(completions), program].filter((path) => existsSync(path))
if (files.length === 0) {
  say("Nothing is installed here")
  process.exit(0)
}
const dataRoot = daemonPid() && startedHere() ? undefined : await stopEverything()
for (const path of files) {
  rmSync(path)
  say(`Removed ${path}`)
}
if (underSystemd) run("systemctl", ["daemon-reload"])
if (dataRoot) await tellWhatStays(dataRoot)
else say("The daemon that npm start began runs on; npm run stop ends it.")

/** Stops containers, daemon and shim, which takes bridges and mounts away with them. @returns the data root */
async function stopEverything() {
  if (!(await ask("/version")) && (await shimRuns())) {
    // Only a daemon can stop the containers that the shim keeps running.
    if (!underSystemd)
      fail(
        `Containers run without their daemon (a shim answers in ${runRoot}). Start it as before (barge daemon), and run this again.`,
      )
    run("systemctl", ["start", "barge.service"])
  }
  const info = await ask("/info")
  if (info) stopContainers(program)
  if (underSystemd) run("systemctl", ["disable", "--now", "barge.socket", "barge.service"])
  const pid = daemonPid()
  if (pid) {
    say("Ending the daemon")
    await endDaemon(pid)
  }
  return info?.DockerRootDir ?? configuredDataRoot()
}

/** Where the data of a daemon are that does not answer. */
function configuredDataRoot() {
  try {
    return JSON.parse(readFileSync(configuration, "utf8"))["data-root"] ?? "/var/lib/barge"
  } catch {
    return "/var/lib/barge"
  }
}

/** Says where the data are, and that they may be removed only when nothing uses them any more. */
async function tellWhatStays(folder) {
  const used = () =>
    readFileSync("/proc/self/mountinfo", "utf8")
      .split("\n")
      .map((line) => line.split(" ")[4] ?? "")
      .filter((path) => [folder, runRoot].some((root) => path === root || path.startsWith(`${root}/`)))
  // The last unmounts may follow the daemon's end by a moment.
  for (let tries = 0; tries < 50 && used().length > 0; tries++) await pause(100)
  const mounts = used()
  const runs = await shimRuns()
  console.log(`\nImages, containers and volumes are still in ${folder}, and settings in /etc/barge.`)
  if (mounts.length === 0 && !runs) return console.log(`When they are not wanted: rm -r ${folder}`)
  if (runs) console.log(`Containers still run: a shim answers on ${runRoot}/shim/shim.sock.`)
  for (const path of mounts) console.log(`Still mounted: ${path}`)
  console.log(`Do not remove ${folder} while that is so: end them, or restart the machine first.`)
}
