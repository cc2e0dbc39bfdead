// npm run stop: ends what npm start started. Images, volumes and stopped containers stay on disk.
import { ask, daemonPid, endDaemon, forgetStart, startedHere, stopContainers } from "./daemon.mjs"
import { executable, say } from "./tools.mjs"

const pid = daemonPid()
if (!pid || !startedHere()) {
  say(pid ? "The daemon that runs was not started by npm start: leaving it alone" : "No daemon runs")
  process.exit(0)
}
const info = await ask("/info")
if (info) stopContainers(executable)
await endDaemon(pid)
forgetStart()
say(
  `Stopped. Images, volumes and containers are kept in ${info?.DockerRootDir ?? "the data root"}; npm start goes on from there.`,
)
