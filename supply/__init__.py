"""The supply chain: lock files, licences, the SBOM and known advisories."""
