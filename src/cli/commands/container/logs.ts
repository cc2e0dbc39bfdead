import { nowNanos } from "../../../std/clock.ts"
import { unframe } from "../../../std/stdcopy.ts"
import { command, exactly } from "../../command.ts"
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
    const response = await docker.containers.logs(Id, {
      stdout: true,
      stderr: true,
      follow: flags.follow,
      timestamps: flags.timestamps,
      details: flags.details,
      tail: flags.tail,
      ...(flags.since ? { since: apiTimestamp(flags.since, now) } : {}),
      ...(flags.until ? { until: apiTimestamp(flags.until, now) } : {}),
    })
    if (Config.Tty) for await (const bytes of response.body) await out.stream(bytes)
    else
      for await (const { stream, bytes } of unframe(response.body))
        await (stream === "stderr" ? err : out).stream(bytes)
  },
})
