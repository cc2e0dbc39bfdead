import type { Docker } from "../../../client/docker.ts"
import { anyArgs, command, Exit, type Invocation } from "../../command.ts"
import { bool } from "../../flags/flag.ts"
import { listFormat } from "../../flags/format.ts"
import { formatStats, type StatsEntry, statsSample } from "../../output/stats.ts"
import { redrawn } from "../../screen.ts"
import { StatsWatch } from "../../stats/watch.ts"

/** How often the numbers are drawn, in milliseconds. */
const drawEvery = 500

const flags = {
  all: bool("a", "Show all containers (default shows just running)"),
  format: listFormat(),
  "no-stream": bool("", "Disable streaming stats and only pull the first result"),
  "no-trunc": bool("", "Do not truncate output"),
} as const

export const stats = command({
  use: "stats [OPTIONS] [CONTAINER...]",
  args: anyArgs,
  complete: "runningContainers",
  flags,
  run: async (invocation) => {
    const { args, flags, docker, out, config } = invocation
    const options = { format: flags.format || config.file.statsFormat || "", noTrunc: flags["no-trunc"] }
    if (flags["no-stream"]) {
      const names = args.length > 0 ? args : await running(docker, flags.all)
      out.write(formatStats(await Promise.all(names.map((name) => oneSample(docker, name))), options))
      return
    }
    await stream(invocation, (entries) => {
      const text = formatStats(entries, options)
      out.write(out.isTerminal ? redrawn(text) : text)
    })
  },
})

const running = async (docker: Docker, all: boolean): Promise<readonly string[]> =>
  (await docker.containers.list({ all })).map(({ Id }) => Id)

async function oneSample(docker: Docker, name: string): Promise<StatsEntry> {
  const sample = await docker.containers.stats(name)
  return { container: name, id: sample.id, name: sample.name.replace(/^\//, ""), sample: statsSample(sample) }
}

/** Draws until the user or the daemon ends it. */
async function stream(
  invocation: Invocation<typeof flags>,
  draw: (entries: readonly StatsEntry[]) => void,
): Promise<void> {
  const { args, docker } = invocation
  const { all } = invocation.flags
  using watch = new StatsWatch(docker)
  let over: unknown
  if (args.length === 0)
    follow(docker, watch, all).catch((error) => {
      over = error
    })
  await Promise.all((args.length > 0 ? args : await running(docker, all)).map((name) => watch.add(name)))
  if (args.length > 0 && watch.failures.size > 0) throw new Exit(1, [...watch.failures.values()].join("\n"))
  for (;;) {
    draw(watch.entries)
    await new Promise((resolve) => setTimeout(resolve, drawEvery))
    if (over) throw over
  }
}

/** Adds containers as they come, and lets go of those that have ended. */
async function follow(docker: Docker, watch: StatsWatch, all: boolean): Promise<void> {
  const filters = new Map([["type", ["container"]]])
  for await (const { Action, Actor } of docker.system.events({ filters })) {
    if (Action === "start" || (all && Action === "create")) void watch.add(Actor.ID)
    else if (Action === "destroy" || (!all && Action === "die")) watch.remove(Actor.ID)
  }
}
