// npm start: everything from nothing to a first container, with the trace of its way. Safe to repeat.
import { spawnSync } from "node:child_process"
import { build } from "./build.mjs"
import { ask, daemonPid, endDaemon, startDaemon } from "./daemon.mjs"
import { ensurePackages } from "./packages.mjs"
import { executable, run, say } from "./tools.mjs"

ensurePackages()
build()

const built = JSON.parse(
  spawnSync(executable, ["version", "--client", "--format", "json"], { encoding: "utf8" }).stdout || "{}",
)
const running = await ask("/version")
const pid = daemonPid()
if (running && running.GitCommit + running.BuildTime === built.Client?.GitCommit + built.Client?.BuildTime) {
  say("The daemon runs already")
} else if (running && pid) {
  say("A daemon of an older build runs: replacing it; its containers keep running")
  await endDaemon(pid)
  await startDaemon()
} else {
  say("Starting the daemon")
  await startDaemon()
}

const image = spawnSync(executable, ["image", "inspect", "busybox:latest"], { stdio: "ignore" })
if (image.status !== 0) {
  say("Making a first image from the distribution's own busybox")
  run(executable, ["image", "bootstrap", "busybox"])
}

say("Running a first container")
run(executable, ["run", "--rm", "--trace", "busybox", "echo", "Hello from a container on Barge"])

console.log(`
Barge runs: the engine answers on unix:///run/barge/barge.sock. Try next:

  ${executable} run --rm -it busybox sh
  ${executable} run -d --name web -p 8080:80 busybox httpd -f -p 80 -h /etc && curl http://127.0.0.1:8080/hostname
  ${executable} ps && ${executable} logs web && ${executable} trace web
  docker -H unix:///run/barge/barge.sock ps        (any Docker client works)
  npm run stop                                     (ends what was started here)
`)
