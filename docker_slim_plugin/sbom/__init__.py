"""Documents about the packages of a slim image: CycloneDX, SPDX, OpenVEX."""
