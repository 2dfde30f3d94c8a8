module github.com/intact-gateway/intact

go 1.26.8
