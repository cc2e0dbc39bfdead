// npm run stop: ends what npm start started. Images, volumes and stopped containers stay on disk.
import { spawnSync } from "node:child_process"
import { ask, daemonPid, endDaemon, forgetStart, startedHere } from "./daemon.mjs"
import { executable, run, say } from "./tools.mjs"

const pid = daemonPid()
if (!pid || !startedHere()) {
  say(pid ? "The daemon that runs was not started by npm start: leaving it alone" : "No daemon runs")
  process.exit(0)
}
if (await ask("/_ping").then(() => ask("/containers/json"))) {
  const running = spawnSync(executable, ["ps", "-q"], { encoding: "utf8" }).stdout.split("\n").filter(Boolean)
  if (running.length > 0) {
    say(`Stopping ${running.length} running container${running.length === 1 ? "" : "s"}`)
    run(executable, ["stop", ...running])
  }
}
await endDaemon(pid)
forgetStart()
say("Stopped. Images, volumes and containers are kept in /var/lib/barge; npm start goes on from there.")
