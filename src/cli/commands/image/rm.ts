import { isKind, messageOf } from "../../../errors/failure.ts"
import { atLeast, command, Exit } from "../../command.ts"
import { bool, texts } from "../../flags/flag.ts"
import { platformQueries } from "../../flags/platform.ts"

export const rm = command({
  use: "rm [OPTIONS] IMAGE [IMAGE...]",
  args: atLeast(1),
  complete: "images",
  flags: {
    force: bool("f", "Force removal of the image"),
    "no-prune": bool("", "Do not delete untagged parents"),
    platform: texts(
      "",
      'Remove only the given platform variant. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")',
    ),
  },
  run: async ({ args, flags, docker, out, err }) => {
    const failures: string[] = []
    let fatal = false
    const platforms = platformQueries(flags.platform, "")
    const query = { force: flags.force, noprune: flags["no-prune"], ...(platforms.length > 0 ? { platforms } : {}) }
    for (const name of args) {
      try {
        for (const item of await docker.images.remove(name, query))
          out.line(item.Deleted ? `Deleted: ${item.Deleted}` : `Untagged: ${item.Untagged}`)
      } catch (error) {
        failures.push(messageOf(error))
        fatal ||= !(flags.force && isKind(error, "notFound"))
      }
    }
    if (fatal) throw new Exit(1, failures.join("\n"))
    if (failures.length > 0) err.line(failures.join("\n"))
  },
})
