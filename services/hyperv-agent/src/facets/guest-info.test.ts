import { prefixOf, systemOf } from "./guest-info.ts";

it.each([
  ["255.255.255.0", 24],
  ["255.255.254.0", 23],
  ["0.0.0.0", 0],
  ["64", 64],
  ["/64", 64],
  [undefined, 0],
])("the subnet %s has a prefix of %d bits", (subnet, bits) => {
  expect(prefixOf(subnet)).toBe(bits);
});

describe("what the services in a guest tell of it", () => {
  it("is its Windows, by name and version", () => {
    const told = {
      ...{ FullyQualifiedDomainName: "web.example.org", IntegrationServicesVersion: "10.0.20348" },
      ...{ OSName: "Windows Server 2022 Standard", OSVersion: "10.0.20348", OSPlatformId: "2" },
      ...{ OSMajorVersion: "10", OSBuildNumber: "20348" },
    };
    expect(systemOf(new Map(Object.entries(told)))).toEqual({
      ...{ hostname: "web.example.org", osId: "mswindows", osName: "Windows Server 2022 Standard" },
      ...{ osVersion: "10.0.20348", kernel: "", timezone: "" },
      tools: "Hyper-V integration services 10.0.20348",
    });
  });

  it("is its Linux, with the kernel's release where Windows has its build", () => {
    const told = { OSName: "Debian GNU/Linux", OSMajorVersion: "12", OSBuildNumber: "6.1.0-28-amd64" };
    expect(systemOf(new Map(Object.entries(told)))).toMatchObject({
      ...{ osId: "", osName: "Debian GNU/Linux", osVersion: "12", kernel: "6.1.0-28-amd64", tools: "" },
    });
  });
});
