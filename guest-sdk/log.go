package sluice

import "github.com/sluice-gateway/sluice/guest-sdk/internal/hostapi"

// Debug writes a line to the gateway's log. Never log bodies, environment variables or credentials.
func Debug(message string) { hostapi.Log(hostapi.Debug, message) }

// Info writes a line to the gateway's log.
func Info(message string) { hostapi.Log(hostapi.Info, message) }

// Warn writes a line to the gateway's log.
func Warn(message string) { hostapi.Log(hostapi.Warn, message) }

// Error writes a line to the gateway's log.
func Error(message string) { hostapi.Log(hostapi.Error, message) }
