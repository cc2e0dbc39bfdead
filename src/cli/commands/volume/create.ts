import { keyValues, labelWord } from "../../../flag-values/words.ts"
import { atMost, command, Exit } from "../../command.ts"
import { list, pairs, text } from "../../flags/flag.ts"

export const create = command({
  use: "create [OPTIONS] [VOLUME]",
  args: atMost(1),
  flags: {
    driver: text("d", "Specify volume driver name", "local"),
    label: list("", "Set metadata for a volume", labelWord),
    name: text("", "Specify volume name", "", { hidden: true }),
    opt: pairs("o", "Set driver specific options"),
  },
  run: async ({ args, flags, docker, out }) => {
    if (args[0] && flags.name)
      throw new Exit(1, "conflicting options: cannot specify a volume-name through both --name and as a positional arg")
    const volume = await docker.volumes.create({
      Name: args[0] ?? flags.name,
      Driver: flags.driver,
      DriverOpts: flags.opt,
      Labels: flags.label.length > 0 ? keyValues(flags.label) : null,
    })
    out.line(volume.Name)
  },
})
