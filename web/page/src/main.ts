import { createApp } from 'vue'
import App from './App.vue'
import './style/base.css'
import './style/controls.css'
import './style/answer.css'
import './style/inspector.css'

createApp(App).mount('#app')
