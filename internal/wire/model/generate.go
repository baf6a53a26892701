package model

//go:generate go run ../modelgen
