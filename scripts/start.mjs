// npm start: everything from nothing to a first container, with the trace of its way. Safe to repeat.
// npm start -- FLAGS starts the daemon with these flags of `barge daemon`.
import { spawnSync } from "node:child_process"
import { build } from "./build.mjs"
import { ask, barge, calling, daemonPid, endDaemon, runsFile, socket, startDaemon, startedHere } from "./daemon.mjs"
import { ensurePackages } from "./packages.mjs"
import { executable, say } from "./tools.mjs"

const flags = process.argv.slice(2)
ensurePackages()
build()

const pid = daemonPid()
const running = pid !== undefined && (await ask("/version")) !== undefined
if (running && runsFile(pid, executable)) {
  say("The daemon runs already")
} else if (running && !startedHere()) {
  say("A daemon runs that was not started by npm start: leaving it as it is, and using it")
} else if (running) {
  say("A daemon of an older build runs: replacing it; its containers keep running")
  await endDaemon(pid)
  await startDaemon(executable, flags)
} else {
  say("Starting the daemon")
  await startDaemon(executable, flags)
}

const [command, ...first] = calling(executable)
const image = spawnSync(command, [...first, "image", "inspect", "busybox:latest"], { stdio: "ignore" })
if (image.status !== 0) {
  say("Making a first image from the distribution's own busybox")
  barge(executable, ["image", "bootstrap", "busybox"])
}

say("Running a first container")
barge(executable, ["run", "--rm", "--trace", "busybox", "echo", "Hello from a container on Barge"])

const called = calling(executable).join(" ")
console.log(`
Barge runs: the engine answers on unix://${socket}. Try next:

  ${called} run --rm -it busybox sh
  ${called} run -d --name web -p 8080:80 busybox httpd -f -p 80 -h /etc && curl http://127.0.0.1:8080/hostname
  ${called} ps && ${called} logs web && ${called} trace web
  docker -H unix://${socket} ps        (any Docker client works)
  npm run stop                                     (ends what was started here)
`)
