import type { AuthConfig } from "../../../api/image.ts"
import { formatReference, parseReference, withDefaultTag } from "../../../oci/reference.ts"
import { command, exactly } from "../../command.ts"
import { bool } from "../../flags/flag.ts"
import { defaultPlatformFlag } from "../../flags/platform.ts"
import { printProgress } from "../../output/progress.ts"
import { Credentials, credentialKey } from "../../registry/credentials.ts"
import { screenOf } from "../../screen.ts"

export const copy = command({
  use: "copy [OPTIONS] SOURCE DESTINATION",
  args: exactly(2),
  flags: {
    platform: defaultPlatformFlag(),
    quiet: bool("q", "Suppress verbose output"),
    referrers: bool("", "Copy signatures, SBOMs and attestations of the image too"),
  },
  run: async ({ args, flags, docker, out, config }) => {
    const [from, to] = args.map((arg) => withDefaultTag(parseReference(arg)))
    const credentials = new Credentials(config)
    const auths: Record<string, AuthConfig> = {}
    for (const { domain } of [from!, to!]) {
      const auth = await credentials.forImage(domain)
      if (auth) auths[credentialKey(domain)] = auth
    }
    const query = {
      from: formatReference(from!),
      to: formatReference(to!),
      ...(flags.platform ? { platform: flags.platform } : {}),
      ...(flags.referrers ? { referrers: true } : {}),
    }
    await printProgress(await docker.images.copy(query, auths), flags.quiet ? nowhere : screenOf(out))
    if (flags.quiet) out.line(formatReference(to!))
  },
})

const nowhere = { isTerminal: false, columns: undefined, write: () => {} }
