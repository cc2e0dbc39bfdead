import { familiarName, formatReference, parseReference, withDefaultTag } from "../../../oci/reference.ts"
import { command, Exit, exactly } from "../../command.ts"
import { bool } from "../../flags/flag.ts"
import { defaultPlatformFlag } from "../../flags/platform.ts"
import { printProgress } from "../../output/progress.ts"
import { Credentials } from "../../registry/credentials.ts"
import { withWayOut } from "../../registry/way-out.ts"
import { screenOf } from "../../screen.ts"

export const pull = command({
  use: "pull [OPTIONS] NAME[:TAG|@DIGEST]",
  args: exactly(1),
  flags: {
    "all-tags": bool("a", "Download all tagged images in the repository"),
    "disable-content-trust": bool("", "Skip image verification", true, { hidden: true }),
    platform: defaultPlatformFlag(),
    quiet: bool("q", "Suppress verbose output"),
  },
  run: async ({ args, flags, docker, out, config, program }) => {
    const given = parseReference(args[0]!)
    const named = given.tag !== undefined || given.digest !== undefined
    if (flags["all-tags"] && named) throw new Exit(1, "tag can't be used with --all-tags/-a")
    const reference = flags["all-tags"] ? given : withDefaultTag(given)
    if (!named && !flags["all-tags"] && !flags.quiet) out.line("Using default tag: latest")
    const query = {
      fromImage: familiarName(reference),
      tag: reference.digest ?? reference.tag ?? "",
      platform: flags.platform,
    }
    try {
      const messages = await docker.images.pull(query, await new Credentials(config).forImage(reference.domain))
      await printProgress(messages, flags.quiet ? nowhere : screenOf(out))
    } catch (error) {
      throw withWayOut(error, reference, program)
    }
    out.line(formatReference(reference))
  },
})

const nowhere = { isTerminal: false, columns: undefined, write: () => {} }
