import { Failure } from "../../errors/failure.ts"
import { type Platform, parsePlatform } from "../../oci/platform.ts"

/** @throws invalidArgument when `text` is not `os/arch[/variant]` */
export function platformOf(text: string): Platform {
  const platform = parsePlatform(text)
  if (!platform) {
    throw new Failure(
      "invalidArgument",
      `"${text}" is an invalid platform; write os/arch[/variant], such as linux/amd64`,
    )
  }
  return platform
}

/** The one platform of a request that may name several. @throws invalidArgument, notImplemented */
export function onlyPlatform(texts: readonly string[]): Platform | undefined {
  if (texts.length > 1) {
    throw new Failure(
      "notImplemented",
      `one platform at a time is supported, not ${texts.join(", ")}; name one, or none`,
    )
  }
  return texts[0] === undefined ? undefined : platformOf(texts[0])
}
