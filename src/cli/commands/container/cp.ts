import { command, Exit, exactly } from "../../command.ts"
import { copyFromContainer } from "../../copy/from-container.ts"
import { parseSide } from "../../copy/paths.ts"
import { copyToContainer } from "../../copy/to-container.ts"
import { bool } from "../../flags/flag.ts"

export const cp = command({
  use: `cp [OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-
	docker cp [OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH`,
  args: exactly(2),
  flags: {
    archive: bool("a", "Archive mode (copy all uid/gid information)"),
    "follow-link": bool("L", "Always follow symlinks in SRC_PATH"),
    quiet: bool(
      "q",
      "Suppress progress output during copy. Progress output is automatically suppressed if no terminal is attached",
    ),
  },
  run: async ({ args, flags, given, docker, out, err }) => {
    const [source = "", target = ""] = args
    if (source === "") throw new Exit(1, "source can not be empty")
    if (target === "") throw new Exit(1, "destination can not be empty")
    const [from, to] = [parseSide(source), parseSide(target)]
    const quiet = given.has("quiet") ? flags.quiet : !out.isTerminal
    const common = { followLink: flags["follow-link"], quiet, err }
    if (from.container && to.container) throw new Exit(1, "copying between containers is not supported")
    if (from.container)
      await copyFromContainer(docker.transport, {
        ...common,
        container: from.container,
        path: from.path,
        target: to.path,
        out,
      })
    else if (to.container)
      await copyToContainer(docker.transport, {
        ...common,
        source: from.path,
        container: to.container,
        path: to.path,
        ownership: flags.archive,
      })
    else throw new Exit(1, "must specify at least one container source")
  },
})
