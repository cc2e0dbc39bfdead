import { atLeast, command } from "../../command.ts"
import { alignColumns } from "../../output/table.ts"

export const top = command({
  use: "top CONTAINER [ps OPTIONS]",
  args: atLeast(1),
  interspersed: false,
  complete: "runningContainers",
  flags: {},
  run: async ({ args, docker, out }) => {
    const [name = "", ...words] = args
    const { Titles, Processes } = await docker.containers.top(name, words.join(" "))
    const rows = [Titles, ...(Processes ?? [])].map((cells) => cells.join("\t"))
    out.write(alignColumns(`${rows.join("\n")}\n`, { minimum: 20, padding: 3 }))
  },
})
