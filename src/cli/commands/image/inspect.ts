import { atLeast, command } from "../../command.ts"
import { objectFormat } from "../../flags/format.ts"
import { platformFlag, platformQuery } from "../../flags/platform.ts"
import { inspectEach } from "../../inspect-each.ts"

export const inspect = command({
  use: "inspect [OPTIONS] IMAGE [IMAGE...]",
  args: atLeast(1),
  complete: "images",
  flags: {
    format: objectFormat(),
    platform: platformFlag(`Inspect a specific platform of the multi-platform image.
If the image or the server is not multi-platform capable, the command will error out if the platform does not match.
'os[/arch[/variant]]': Explicit platform (eg. linux/amd64)`),
  },
  run: ({ args, flags, docker, out }) => {
    const platform = platformQuery(flags.platform, "")
    return inspectEach(args, flags.format, out, (name) => docker.images.inspectText(name, platform ? { platform } : {}))
  },
})
