import { messageOf } from "../../../errors/failure.ts"
import { nowNanos } from "../../../std/clock.ts"
import { unframe } from "../../../std/stdcopy.ts"
import { command, Exit, exactly } from "../../command.ts"
import { bool, text } from "../../flags/flag.ts"
import { apiTimestamp } from "../../timestamp.ts"

export const logs = command({
  use: "logs [OPTIONS] CONTAINER",
  args: exactly(1),
  complete: "containers",
  flags: {
    details: bool("", "Show extra details provided to logs"),
    follow: bool("f", "Follow log output"),
    since: text("", 'Show logs since timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)'),
    tail: text("n", "Number of lines to show from the end of the logs", "all"),
    timestamps: bool("t", "Show timestamps"),
    until: text(
      "",
      'Show logs before a timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)',
    ),
  },
  run: async ({ args, flags, docker, out, err }) => {
    const { Id, Config } = await docker.containers.inspect(args[0]!)
    const now = nowNanos()
    const time = (name: "since" | "until") => {
      try {
        return flags[name] ? { [name]: apiTimestamp(flags[name], now) } : {}
      } catch (error) {
        throw new Exit(1, `invalid value for "${name}": ${messageOf(error)}`)
      }
    }
    const response = await docker.containers.logs(Id, {
      stdout: true,
      stderr: true,
      follow: flags.follow,
      timestamps: flags.timestamps,
      details: flags.details,
      tail: flags.tail,
      ...time("since"),
      ...time("until"),
    })
    if (Config.Tty) for await (const bytes of response.body) await out.stream(bytes)
    else
      for await (const { stream, bytes } of unframe(response.body)) {
        if (stream === "systemError") throw new Exit(1, `error from daemon in stream: ${Buffer.from(bytes)}`)
        await (stream === "stderr" ? err : out).stream(bytes)
      }
  },
})
