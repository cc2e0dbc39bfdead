import { remoteReferrers } from "../../../client/registry.ts"
import { formatReference, parseReference, withDefaultTag } from "../../../oci/reference.ts"
import { command, exactly } from "../../command.ts"
import { bool } from "../../flags/flag.ts"
import { listFormat } from "../../flags/format.ts"
import { formatReferrers } from "../../output/referrers.ts"
import { Credentials } from "../../registry/credentials.ts"

export const referrers = command({
  use: "referrers [OPTIONS] NAME[:TAG|@DIGEST]",
  args: exactly(1),
  flags: {
    format: listFormat(),
    "no-trunc": bool("", "Don't truncate output"),
    quiet: bool("q", "Only show digests"),
  },
  run: async ({ args, flags, docker, out, config }) => {
    const reference = withDefaultTag(parseReference(args[0]!))
    const auth = await new Credentials(config).forImage(reference.domain)
    const found = await remoteReferrers(docker.transport, formatReference(reference), auth)
    out.write(formatReferrers(found, { format: flags.format, quiet: flags.quiet, noTrunc: flags["no-trunc"] }))
  },
})
