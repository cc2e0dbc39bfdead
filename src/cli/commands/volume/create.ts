import { atMost, command, Exit } from "../../command.ts"
import { custom, list, text } from "../../flags/flag.ts"

type Pairs = Readonly<Record<string, string>>

export const create = command({
  use: "create [OPTIONS] [VOLUME]",
  args: atMost(1),
  flags: {
    driver: text("d", "Specify volume driver name", "local"),
    label: list("", "Set metadata for a volume"),
    name: text("", "Specify volume name", "", { hidden: true }),
    opt: custom<Pairs>(
      "o",
      "Set driver specific options",
      "map",
      {},
      (word, before) => {
        const equals = word.indexOf("=")
        return equals < 0 ? { ...before, [word]: "" } : { ...before, [word.slice(0, equals)]: word.slice(equals + 1) }
      },
      { shownDefault: "map[]" },
    ),
  },
  run: async ({ args, flags, docker, out }) => {
    if (args[0] && flags.name)
      throw new Exit(1, "conflicting options: cannot specify a volume-name through both --name and as a positional arg")
    const volume = await docker.volumes.create({
      Name: args[0] ?? flags.name,
      Driver: flags.driver,
      DriverOpts: flags.opt,
      Labels: pairs(flags.label),
    })
    out.line(volume.Name)
  },
})

/** `name=value` words as labels; a word alone has an empty value. */
const pairs = (words: readonly string[]): Pairs =>
  Object.fromEntries(
    words.map((word) => {
      const equals = word.indexOf("=")
      return equals < 0 ? [word, ""] : [word.slice(0, equals), word.slice(equals + 1)]
    }),
  )
