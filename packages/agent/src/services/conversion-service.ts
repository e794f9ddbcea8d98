import * as wire from "@virtmesh/api/gen/virtmesh/v1/conversion";
import type { Call } from "@virtmesh/core/call";
import { need } from "@virtmesh/core/driver/driver";
import { unary } from "@virtmesh/kit/grpc-server";
import type { ServedService } from "../chassis.ts";
import { invalidField, requireText } from "../convert/field.ts";
import type { ServiceContext } from "./context.ts";
import { findDomain } from "./context.ts";

export function conversionService(c: ServiceContext): ServedService {
  return {
    definition: wire.ConversionServiceService,
    implementation: {
      listFormats: unary((request: wire.ListFormatsRequest): wire.ListFormatsResponse => {
        c.checkUri(request.uri);
        return { formats: [...need(c.driver, "conversion", "formats")()] };
      }),
      convertFromNative: unary(
        async (
          request: wire.ConvertFromNativeRequest,
          call: Call,
        ): Promise<wire.ConvertFromNativeResponse> => {
          c.checkUri(request.uri);
          const convert = need(c.driver, "conversion", "fromNative");
          const format = formatOf(c, request.format, "canRead");
          return { xml: await convert(format, requireText("config", request.config), call) };
        },
      ),
      convertToNative: unary(
        async (request: wire.ConvertToNativeRequest, call: Call): Promise<wire.ConvertToNativeResponse> => {
          c.checkUri(request.uri);
          const convert = need(c.driver, "conversion", "toNative");
          const format = formatOf(c, request.format, "canWrite");
          return { config: await convert(format, await xmlOf(c, request, call), call) };
        },
      ),
    },
  };
}

/** The name of a format that the driver has for that direction. Throws INVALID_FIELD naming those there are. */
function formatOf(c: ServiceContext, name: string, direction: "canRead" | "canWrite"): string {
  const names = need(c.driver, "conversion", "formats")()
    .filter((format) => format[direction])
    .map((format) => format.name);
  if (names.includes(name)) return name;
  const what = direction === "canRead" ? "read" : "written";
  throw invalidField("format", `"${name}" cannot be ${what} here; there is ${names.join(", ") || "none"}`);
}

async function xmlOf(
  c: ServiceContext,
  { source }: wire.ConvertToNativeRequest,
  call: Call,
): Promise<string> {
  switch (source?.$case) {
    case "xml":
      return requireText("xml", source.value);
    case "domain": {
      const { uuid } = findDomain(c, source.value);
      return await c.driver.domains.xml(uuid, { inactive: true, secure: false, migratable: false }, call);
    }
    case undefined:
      throw invalidField("source", "must be set: xml or domain");
  }
}
