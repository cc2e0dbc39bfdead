import { messageOf } from "../../../errors/failure.ts"
import { familiarName, parseReference, type Reference } from "../../../oci/reference.ts"
import { atLeast, command, Exit } from "../../command.ts"
import { list, text } from "../../flags/flag.ts"
import { defaultPlatformFlag } from "../../flags/platform.ts"
import { printProgress } from "../../output/progress.ts"
import { screenOf } from "../../screen.ts"
import { openFile, openNamedFile } from "./load.ts"

export const importImage = command({
  use: "import [OPTIONS] file|URL|- [REPOSITORY[:TAG]]",
  args: atLeast(1),
  flags: {
    change: list("c", "Apply Dockerfile instruction to the created image"),
    message: text("m", "Set commit message for imported image"),
    platform: defaultPlatformFlag(),
  },
  run: async ({ args, flags, docker, out }) => {
    const source = args[0]!
    const isAddress = /^(https?|ftp):\/\//.test(source)
    const upload = isAddress ? undefined : source === "-" ? await openFile("") : await openNamedFile(source)
    const name = args[1] ? parseName(args[1]) : undefined
    const query = {
      fromSrc: isAddress ? source : "-",
      ...(name ? { repo: familiarName(name), ...(name.tag ? { tag: name.tag } : {}) } : {}),
      message: flags.message,
      changes: flags.change,
      platform: flags.platform.toLowerCase(),
    }
    await printProgress(await docker.images.import(query, upload), screenOf(out))
  },
})

function parseName(text: string): Reference {
  try {
    return parseReference(text)
  } catch (error) {
    throw new Exit(1, messageOf(error))
  }
}
