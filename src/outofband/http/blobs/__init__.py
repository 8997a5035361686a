"""The Blob service's doors: `https://HOST/blob/ACCOUNT/...`, and `https://ACCOUNT.blob.HOST/...` where names
lead here.

`app` takes a request, `target` says what it is about, `grants` whether it may, and a handler answers, one in
`containers`, `reading`, `writing` or `changing`.
"""
