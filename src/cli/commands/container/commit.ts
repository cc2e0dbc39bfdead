import { familiarName, parseReference } from "../../../oci/reference.ts"
import { between, command, Exit } from "../../command.ts"
import { bool, list, text } from "../../flags/flag.ts"

export const commit = command({
  use: "commit [OPTIONS] CONTAINER [REPOSITORY[:TAG]]",
  args: between(1, 2),
  complete: "containers",
  flags: {
    author: text("a", 'Author (e.g., "John Hannibal Smith <hannibal@a-team.com>")'),
    change: list("c", "Apply Dockerfile instruction to the created image"),
    message: text("m", "Commit message"),
    "no-pause": bool("", "Disable pausing container during commit"),
    pause: bool("p", "Pause container during commit (deprecated: use --no-pause instead)", true, { hidden: true }),
  },
  run: async ({ args, flags, given, docker, out }) => {
    if (given.has("pause") && given.has("no-pause"))
      throw new Exit(1, "conflicting options: --no-pause and --pause cannot be used together")
    const reference = args[1] === undefined ? undefined : parseReference(args[1])
    const { Id } = await docker.containers.commit({
      container: args[0]!,
      ...(reference ? { repo: familiarName(reference), tag: reference.tag ?? "" } : {}),
      comment: flags.message,
      author: flags.author,
      pause: flags.pause && !flags["no-pause"],
      changes: flags.change,
    })
    out.line(Id)
  },
})
