// The modules that .ci/gosdk makes guests of. Nothing of them is part of the gateway.
module github.com/sluice-gateway/sluice/.ci/gosdk.d

go 1.26

require (
	github.com/proxy-wasm/proxy-wasm-go-sdk v0.0.0-20260105142703-44c7d5847745
	github.com/tidwall/gjson v1.18.0
)

require (
	github.com/tidwall/match v1.1.1 // indirect
	github.com/tidwall/pretty v1.2.0 // indirect
)
