import { familiarName, formatReference, parseReference, withDefaultTag } from "../../../oci/reference.ts"
import { command, Exit, exactly } from "../../command.ts"
import { bool } from "../../flags/flag.ts"
import { platformFlag, platformQuery } from "../../flags/platform.ts"
import { printProgress } from "../../output/progress.ts"
import { Credentials } from "../../registry/credentials.ts"
import { screenOf } from "../../screen.ts"

export const push = command({
  use: "push [OPTIONS] NAME[:TAG]",
  args: exactly(1),
  complete: "images",
  flags: {
    "all-tags": bool("a", "Push all tags of an image to the repository"),
    "disable-content-trust": bool("", "Skip image signing", true, { hidden: true }),
    platform: platformFlag(`Push a platform-specific manifest as a single-platform image to the registry.
Image index won't be pushed, meaning that other manifests, including attestations won't be preserved.
'os[/arch[/variant]]': Explicit platform (eg. linux/amd64)`),
    quiet: bool("q", "Suppress verbose output"),
  },
  run: async ({ args, flags, docker, out, config }) => {
    const platform = platformQuery(flags.platform, `Invalid platform ${flags.platform}`)
    const given = parseReference(args[0]!)
    if (flags["all-tags"] && (given.tag || given.digest)) throw new Exit(1, "tag can't be used with --all-tags/-a")
    const reference = flags["all-tags"] ? given : withDefaultTag(given)
    if (!flags["all-tags"] && !given.tag && !given.digest && !flags.quiet) out.line("Using default tag: latest")
    const query = { ...(reference.tag ? { tag: reference.tag } : {}), ...(platform ? { platform } : {}) }
    const auth = await new Credentials(config).forImage(reference.domain)
    const messages = await docker.images.push(familiarName(reference), query, auth)
    await printProgress(messages, flags.quiet ? nowhere : screenOf(out))
    if (flags.quiet) out.line(formatReference(reference))
  },
})

const nowhere = { isTerminal: false, columns: undefined, write: () => {} }
