import { familiarName, parseReference } from "../../../oci/reference.ts"
import { between, command } from "../../command.ts"
import { bool, list, text } from "../../flags/flag.ts"

export const commit = command({
  use: "commit [OPTIONS] CONTAINER [REPOSITORY[:TAG]]",
  args: between(1, 2),
  complete: "containers",
  flags: {
    author: text("a", 'Author (e.g., "John Hannibal Smith <hannibal@a-team.com>")'),
    change: list("c", "Apply Dockerfile instruction to the created image"),
    message: text("m", "Commit message"),
    pause: bool("p", "Pause container during commit", true),
  },
  run: async ({ args, flags, docker, out }) => {
    const reference = args[1] === undefined ? undefined : parseReference(args[1])
    const { Id } = await docker.containers.commit({
      container: args[0]!,
      ...(reference ? { repo: familiarName(reference), tag: reference.tag ?? "" } : {}),
      comment: flags.message,
      author: flags.author,
      pause: flags.pause,
      changes: flags.change,
    })
    out.line(Id)
  },
})
