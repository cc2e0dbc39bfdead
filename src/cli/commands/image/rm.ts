import { isKind, messageOf } from "../../../errors/failure.ts"
import { atLeast, command, Exit } from "../../command.ts"
import { bool } from "../../flags/flag.ts"

export const rm = command({
  use: "rm [OPTIONS] IMAGE [IMAGE...]",
  args: atLeast(1),
  complete: "images",
  flags: { force: bool("f", "Force removal of the image"), "no-prune": bool("", "Do not delete untagged parents") },
  run: async ({ args, flags, docker, out, err }) => {
    const failures: string[] = []
    let fatal = false
    for (const name of args) {
      try {
        const query = { force: flags.force, noprune: flags["no-prune"] }
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
