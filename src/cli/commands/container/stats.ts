import { anyArgs, command } from "../../command.ts"
import { bool } from "../../flags/flag.ts"
import { listFormat } from "../../flags/format.ts"
import { formatStats, type StatsEntry, statsSample } from "../../output/stats.ts"

export const stats = command({
  use: "stats [OPTIONS] [CONTAINER...]",
  args: anyArgs,
  complete: "runningContainers",
  flags: {
    all: bool("a", "Show all containers (default shows just running)"),
    format: listFormat(),
    "no-stream": bool("", "Disable streaming stats and only pull the first result"),
    "no-trunc": bool("", "Do not truncate output"),
  },
  run: async ({ args, flags, docker, out, config }) => {
    const format = flags.format || config.file.statsFormat || ""
    const options = { format, noTrunc: flags["no-trunc"] }
    const wanted = async (): Promise<readonly string[]> =>
      args.length > 0 ? args : (await docker.containers.list({ all: flags.all })).map(({ Id }) => Id)
    const entryOf = async (name: string): Promise<StatsEntry> => {
      const sample = await docker.containers.stats(name)
      return { container: name, id: sample.id, name: sample.name.replace(/^\//, ""), sample: statsSample(sample) }
    }
    for (;;) {
      const entries: StatsEntry[] = await Promise.all((await wanted()).map(entryOf))
      if (!flags["no-stream"] && out.isTerminal) out.write("\u001b[H\u001b[2J")
      out.write(formatStats(entries, options))
      if (flags["no-stream"]) return
    }
  },
})
